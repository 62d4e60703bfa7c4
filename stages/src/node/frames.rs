//! Messages one after the other in the body of an answer that streams.
//!
//! Each stands behind its length (32 bits, little-endian); a length of 0 is the end. An answer without its end was cut off
//! on the way, and counts for nothing.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use weir_pipeline::{Error, Result};

use super::wire::pack;

/// What ends an answer.
pub(crate) const END: Bytes = Bytes::from_static(&[0; 4]);

/// The bytes of a length.
const LENGTH: usize = 4;

/// Reads the messages of an answer.
pub(crate) struct Frames {
    body: Incoming,
    buffer: BytesMut,
    /// No message is longer, in bytes.
    most: usize,
}

/// The message that `write` appends, with its length in front.
pub(crate) fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = vec![0; LENGTH];
    write(&mut out);
    let length = (out.len() - LENGTH) as u32;
    if let Some(place) = out.first_chunk_mut::<LENGTH>() {
        *place = length.to_le_bytes();
    }
    Bytes::from(out)
}

/// The same, compressed where that makes it shorter.
pub(crate) fn packed(plain: Bytes) -> Bytes {
    match plain.get(LENGTH..).and_then(pack) {
        Some(message) => frame(|out| out.extend_from_slice(&message)),
        None => plain,
    }
}

// === impl Frames ===

impl Frames {
    /// The messages of `body`, none longer than `most` bytes.
    pub(crate) fn new(body: Incoming, most: usize) -> Self {
        Self { body, buffer: BytesMut::new(), most }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// `Unavailable` where the body ends before its end, `Invalid` where a message is too long.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        self.fill(LENGTH).await?;
        let length = self.buffer.get_u32_le() as usize;
        if length > self.most {
            return Err(Error::invalid(format!("expected a message of at most {} bytes, got `{length}`", self.most)));
        }
        if length == 0 {
            return Ok(None);
        }
        self.fill(length).await?;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Reads until there are `length` bytes.
    async fn fill(&mut self, length: usize) -> Result<()> {
        while self.buffer.len() < length {
            let broken = |error| Error::unavailable("the answer broke off").with_source(error);
            let short = || Error::unavailable("the answer broke off");
            let frame = self.body.frame().await.ok_or_else(short)?.map_err(broken)?;
            if let Some(data) = frame.data_ref() {
                self.buffer.put_slice(data);
            }
        }
        Ok(())
    }
}

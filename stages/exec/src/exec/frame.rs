//! The messages of Arrow's streams, one at a time and no larger than they may be.

use std::io;

use arrow::buffer::Buffer;
use arrow::ipc::root_as_message;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::fault::Fault;

/// What begins each message.
const MARKER: [u8; 4] = [0xff; 4];

/// How much is allocated before anything has come.
const AT_FIRST: u64 = 64 << 10;

/// A message: a flatbuffer that was checked, and the bytes that it describes.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) head: Vec<u8>,
    pub(super) body: Buffer,
}

// === impl Frame ===

impl Frame {
    /// Reads the next message, of at most `max` bytes. Not cancel safe.
    ///
    /// # Errors
    /// The stream is at its end, or has something else.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), max: u64) -> Result<Self, Fault> {
        let marker = exactly(from, 4).await?;
        if marker != MARKER {
            let said = String::from_utf8_lossy(&marker).into_owned();
            return Err(Fault::Answer(format!("expected an Arrow message on its standard output, got {said:?}…")));
        }
        let length = exactly(from, 4).await?;
        let length = length.try_into().map_or(-1, i32::from_le_bytes);
        if length == 0 {
            return Err(Fault::Ended("it closed its stream".into()));
        }
        let head = exactly(from, size(i64::from(length), max)?).await?;
        let body = {
            let message = root_as_message(&head).map_err(|_| Fault::answer("a message has a damaged head"))?;
            size(message.bodyLength(), max.saturating_sub(head.len() as u64))?
        };
        let body = Buffer::from_vec(exactly(from, body).await?);
        Ok(Self { head, body })
    }
}

/// A length that a message says, where it may be so large.
fn size(length: i64, max: u64) -> Result<u64, Fault> {
    let fits = u64::try_from(length).ok().filter(|length| *length <= max);
    fits.ok_or_else(|| {
        Fault::Answer(format!("a message says that {length} bytes follow, more than `max_frame` lets it"))
    })
}

/// The next `length` bytes. What they take grows as they come.
async fn exactly(from: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(length.min(AT_FIRST) as usize);
    match from.take(length).read_to_end(&mut bytes).await {
        Ok(_) if bytes.len() as u64 == length => Ok(bytes),
        Ok(_) => Err(Fault::Ended("its output is at the end".into())),
        Err(error) => Err(broken(&error)),
    }
}

/// A pipe that fails: the program is at its other end.
pub(super) fn broken(error: &io::Error) -> Fault {
    Fault::Ended(error.to_string())
}

//! Messages that are compressed on their way.

use std::borrow::Cow;

use weir_pipeline::{Error, Result};
use zstd::{bulk, zstd_safe};

/// What a frame of zstd begins with. No message does.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The level of zstd: the fastest of its usual ones.
const LEVEL: i32 = 1;

/// What is shorter is sent as it is, in bytes.
const SHORTEST: usize = 4 << 10;

/// A message as one frame of zstd. `None` where it is shorter than 4 KiB, or little is won: then it is sent as it is.
pub fn pack(message: &[u8]) -> Option<Vec<u8>> {
    if message.len() < SHORTEST {
        return None;
    }
    let packed = bulk::compress(message, LEVEL).ok()?;
    (packed.len() < message.len() - message.len() / 8).then_some(packed)
}

/// How long a message is, in bytes, that may be packed: nothing of it is unpacked for that.
///
/// # Errors
/// `Invalid`, where a frame does not say it, or says more than `most`.
pub fn unpacked_len(bytes: &[u8], most: u64) -> Result<u64> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(bytes.len() as u64);
    }
    let said = zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let len = said.ok_or_else(|| Error::invalid("expected a compressed message that says how long it is"))?;
    if len > most {
        return Err(Error::invalid(format!("expected at most {most} bytes after decompression, got `{len}`")));
    }
    Ok(len)
}

/// The message, as it was before [`pack`] where it was packed. Takes memory for as many bytes as [`unpacked_len`] says.
///
/// # Errors
/// `Invalid`, where it is longer than `most` bytes, or than it says, or can't be decompressed.
pub fn unpack(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let len = unpacked_len(bytes, most)?;
    let wrong = |e| Error::invalid(format!("expected a message of {len} bytes compressed with zstd")).with_source(e);
    let room = usize::try_from(len).unwrap_or(usize::MAX);
    let message = bulk::decompress(bytes, room).map_err(wrong)?;
    if message.len() < room {
        return Err(Error::invalid(format!("expected {len} bytes after decompression, got `{}`", message.len())));
    }
    Ok(Cow::Owned(message))
}

#[cfg(test)]
mod tests;

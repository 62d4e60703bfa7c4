//! Snappy's block format, with the length checked before anything is allocated for it.

use weir_pipeline::{Error, Result};

/// Decompresses `body` into `out`, which is overwritten, and keeps its memory for the next time.
///
/// # Errors
/// `body` is no snappy block, or says that it holds more than `limit` bytes.
pub fn decompress(body: &[u8], limit: u64, out: &mut Vec<u8>) -> Result<()> {
    let broken = |e: snap::Error| Error::invalid(format!("expected a snappy block: {e}"));
    let len = snap::raw::decompress_len(body).map_err(broken)?;
    if len as u64 > limit {
        return Err(Error::invalid(format!("expected at most {limit} bytes after decompression, got `{len}`")));
    }
    // `resize` clears only what the buffer grows by: the rest is overwritten.
    out.resize(len, 0);
    let written = snap::raw::Decoder::new().decompress(body, out).map_err(broken)?;
    out.truncate(written);
    Ok(())
}

/// Compresses `body` into `out`, which is overwritten.
///
/// # Errors
/// `body` is longer than snappy allows, 4 GiB.
pub fn compress(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let broken = |e: snap::Error| Error::invalid(format!("expected a body that snappy can take: {e}"));
    out.resize(snap::raw::max_compress_len(body.len()), 0);
    let written = snap::raw::Encoder::new().compress(body, out).map_err(broken)?;
    out.truncate(written);
    Ok(())
}

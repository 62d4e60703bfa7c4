//! From the body on the wire to a batch: read within limits, decompressed, decoded.

use std::cell::RefCell;

use http_body_util::BodyExt;
use hyper::body::Body;
use weir_pipeline::Tenant;

use super::reply::Reply;
use crate::http::budget::Share;
use crate::remote_write::{Decoded, Limits, Memory, Version, decode_in, decompress, no_memory};

/// Bodies longer than this are decoded on a thread of their own, so that none holds up the connections of a worker.
pub(super) const LONG: u64 = 1 << 20;

/// What is set aside for a body before it comes: enough for nearly all.
const FIRST: u64 = 64 << 10;

thread_local! {
    /// Where bodies are decompressed: a request's worth of memory per thread, not one allocation per request.
    static DECOMPRESSED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a body of at most `limit` bytes, charged to `share` as it comes.
pub(super) async fn read<B>(mut body: B, length: Option<u64>, limit: u64, share: &mut Share) -> Result<Vec<u8>, Reply>
where
    B: Body<Data = bytes::Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let full = |_| Reply::from(no_memory());
    // What a header says of the length costs its sender nothing, so only so much is set aside for it.
    let first = length.unwrap_or(0).min(FIRST);
    share.resize(first).map_err(full)?;
    let mut bytes = Vec::with_capacity(first as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Reply::bad(format!("expected a whole body: {e}")))?;
        let Some(data) = frame.data_ref() else { continue };
        let after = (bytes.len() + data.len()) as u64;
        if after > limit {
            return Err(Reply::too_large(limit));
        }
        if after > share.bytes() {
            share.resize(after).map_err(full)?;
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// Decompresses and decodes a body. The content type is looked at in between, as Prometheus does.
pub(super) fn open<'l>(
    body: &[u8],
    version: Result<Version, Reply>,
    tenant: Tenant,
    max_decoded: u64,
    limits: &'l Limits,
    memory: Memory<'l>,
) -> Result<Decoded, Reply> {
    let mut decompressed = DECOMPRESSED.take();
    let decoded = decompress(body, max_decoded, &mut decompressed)
        .map_err(Reply::from)
        .and_then(|()| Ok(decode_in(&decompressed, version?, tenant, limits, memory)?));
    if decompressed.capacity() as u64 <= LONG {
        DECOMPRESSED.set(decompressed);
    }
    decoded
}

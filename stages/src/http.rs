//! What sources that listen have in common: the server, who may ask, what is given out for requests.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;
use weir_pipeline::{Metrics, metrics};

pub mod auth;
pub(crate) mod berth;
pub(crate) mod budget;
mod lenient;
pub mod server;
mod telemetry;
pub mod tenant;

pub use lenient::query;

/// How much of a body is read only to throw it away, so that the sender sees the reply instead of a broken connection.
const DISCARDED: usize = 64 << 20;

/// How long is waited for more of it.
const SILENCE: Duration = Duration::from_millis(500);

/// The program's own metrics, as any Prometheus reads them: a process without an `api` is watched by what it listens on.
pub(crate) fn metrics_page(all: &Metrics) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(all.encode_text()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::TEXT));
    response
}

/// The names and values of a query or a form, without their escapes.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value)))
}

fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                digit(high).zip(digit(low)).map(|(high, low)| (high * 16 + low) as u8)
            }
            _ => None,
        };
        match (escaped, byte) {
            (Some(escaped), _) => {
                out.push(escaped);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads on for a while and keeps nothing: who is still sending would not read a reply. Who sends nothing more does not wait.
pub(crate) async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = DISCARDED;
    while let Ok(Some(Ok(frame))) = timeout(SILENCE, body.frame()).await {
        match left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

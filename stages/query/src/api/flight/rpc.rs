//! Calls of gRPC over HTTP/2: messages out of requests and into replies, and how a call ended.
//!
//! Shape: a message stands behind a byte that says whether it is compressed, which is not supported, and its length. A
//! reply's trailers say how the call ended; where that is known before there is a message, its headers do.
//!
//! Source: `doc/PROTOCOL-HTTP2.md` of gRPC.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use prost::Message;
use tower::BoxError;

use super::super::pieces::Body;
use super::status::{Code, Status, unsupported};

/// The media type of replies.
const GRPC: &str = "application/grpc";

/// How many bytes stand before a message.
const PREFIX: usize = 5;

/// Messages that are sent one after the other. An error ends them.
pub(super) type Messages = BoxStream<'static, Result<Bytes, Status>>;

/// What goes back.
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    pub(super) messages: Messages,
}

// === impl Reply ===

impl Reply {
    /// These messages.
    pub(super) fn all<M: Message>(messages: &[M]) -> Self {
        let framed: Vec<_> = messages.iter().map(|message| Ok(framed(message))).collect();
        Self { headers: HeaderMap::new(), messages: stream::iter(framed).boxed() }
    }
}

/// A message as it is sent.
pub(in crate::api) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // There is room: a buffer grows.
    let _ = message.encode(&mut out);
    out.freeze()
}

/// Takes the first message off `bytes`; `None` where it has not come whole. At most `most` bytes.
///
/// # Errors
/// It is compressed, or too long.
pub(in crate::api) fn unframed(bytes: &mut BytesMut, most: u64) -> Result<Option<Bytes>, Status> {
    let Some(mut prefix) = bytes.get(..PREFIX) else { return Ok(None) };
    if prefix.get_u8() != 0 {
        return Err(unsupported("compressed messages"));
    }
    let length = prefix.get_u32();
    if u64::from(length) > most {
        return Err(Status::new(Code::ResourceExhausted, format!("expected a message of at most {most} bytes")));
    }
    let end = PREFIX + length as usize;
    Ok((bytes.len() >= end).then(|| bytes.split_to(end).split_off(PREFIX).freeze()))
}

/// The first message of a call, of at most `most` bytes.
///
/// # Errors
/// There is none, or it is no such message.
pub(super) async fn first<M: Message + Default>(mut body: Incoming, most: u64) -> Result<M, Status> {
    let mut bytes = BytesMut::new();
    loop {
        if let Some(message) = unframed(&mut bytes, most)? {
            return super::proto::read(&message);
        }
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Err(Status::new(Code::Unavailable, format!("the call broke off: {error}"))),
            None => return Err(Status::invalid("expected a message")),
        }
    }
}

/// The reply to a call.
pub(super) fn response(reply: Result<Reply, Status>) -> Response<Body> {
    let (headers, body) = match reply {
        Ok(Reply { headers, messages }) => {
            (headers, StreamBody::new(stream::unfold(Some(messages), next)).boxed_unsync())
        }
        Err(status) => (status.headers(), Empty::new().map_err(|never| match never {}).boxed_unsync()),
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response
}

/// The next message, and at last how the call ended.
async fn next(messages: Option<Messages>) -> Option<(Result<Frame<Bytes>, BoxError>, Option<Messages>)> {
    let mut messages = messages?;
    Some(match messages.next().await {
        Some(Ok(message)) => (Ok(Frame::data(message)), Some(messages)),
        Some(Err(status)) => (Ok(Frame::trailers(status.headers())), None),
        None => (Ok(Frame::trailers(Status::ok().headers())), None),
    })
}

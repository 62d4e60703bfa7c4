//! What request lines may have for Go's server, and our HTTP library refuses: raw characters (`curl -g
//! '…?query=up{job="a"}'` sends the quotes as they are), which are percent-encoded on the way in; and a query so long that no
//! address has room for it, which goes on as a header of its own, and comes out as [`query`].
//!
//! Only the line that begins a request is looked at: what comes first on a connection, or first after an answer, and has a
//! method and a path. Everything else passes as it is, HTTP/2 and bodies included.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use hyper::header::HeaderValue;
use hyper::{Request, Uri, http::Extensions};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line that is looked at: what Go's server reads of a head.
const LINE: usize = 1 << 20;

/// The longest target that goes on as it is: no address is longer than 64 KiB.
const TARGET: usize = 60 << 10;

/// The header in which a longer query goes on, behind the [`MARK`].
const LONG_QUERY: &str = "x-weir-long-query";

/// What nobody else can know. A query in a header that the client sent would go past whatever looks at addresses before us, such
/// as a proxy that adds a matcher to each query.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let random = || RandomState::new().hash_one(LONG_QUERY);
    format!("{:016x}{:016x}:", random(), random())
});

/// How requests begin.
const BEGINS: [&[u8]; 7] = [b"GET /", b"POST /", b"HEAD /", b"OPTIONS /", b"PUT /", b"DELETE /", b"PATCH /"];

/// A stream whose request lines may have raw characters.
#[derive(Debug)]
pub(super) struct Lenient<S> {
    stream: S,
    /// Whether it does anything at all.
    is_on: bool,
    /// Whether what comes next may begin a request.
    at_start: bool,
    /// The begin of a line, not passed on yet; or what is still to be passed on.
    held: Vec<u8>,
    /// How much of `held` may be passed on, and how much was.
    ready: usize,
    passed: usize,
}

/// The query of a request whose target was too long.
#[derive(Clone, Debug)]
struct LongQuery(HeaderValue);

/// The query of a request's address, without the question mark.
pub fn query<'a>(address: &'a Uri, extensions: &'a Extensions) -> &'a str {
    let long =
        extensions.get::<LongQuery>().and_then(|LongQuery(query)| query.to_str().ok()?.strip_prefix(MARK.as_str()));
    long.or(address.query()).unwrap_or_default()
}

/// Takes a query out of the headers, where it went on as one. What else is called so is dropped.
pub(super) fn settle<B>(request: &mut Request<B>) {
    let first = request.headers_mut().remove(LONG_QUERY);
    if let Some(query) = first.filter(|value| value.as_bytes().starts_with(MARK.as_bytes())) {
        request.extensions_mut().insert(LongQuery(query));
    }
}

// === impl Lenient ===

impl<S> Lenient<S> {
    /// A stream whose request lines are looked at where `is_on`, and which passes everything as it is otherwise.
    pub(super) fn new(stream: S, is_on: bool) -> Self {
        Self { stream, is_on, at_start: is_on, held: Vec::new(), ready: 0, passed: 0 }
    }

    /// Passes on what may be; says whether there was something.
    fn pass(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let some = self.held.get(self.passed..self.ready).unwrap_or_default();
        let n = some.len().min(out.remaining());
        out.put_slice(some.get(..n).unwrap_or_default());
        self.passed += n;
        if self.passed == self.ready && self.ready > 0 {
            self.held.drain(..self.ready);
            (self.ready, self.passed) = (0, 0);
        }
        n > 0
    }

    /// Takes in what came at the start of a request: held until its line is whole.
    fn take_in(&mut self, bytes: &[u8], ended: bool) {
        // What came before has no end.
        let line = bytes.iter().position(|b| *b == b'\n').map(|at| self.held.len() + at);
        self.held.extend_from_slice(bytes);
        if line.is_none() && !ended && self.held.len() < LINE && may_begin_a_request(&self.held) {
            return;
        }
        if let Some(end) = line.filter(|_| may_begin_a_request(&self.held)) {
            let encoded = encoded(self.held.get(..end).unwrap_or_default());
            self.held.splice(..end, divided(&encoded).unwrap_or(encoded));
        }
        self.at_start = false;
        self.ready = self.held.len();
    }
}

/// Whether these bytes are a method and the begin of a path, or may become that.
fn may_begin_a_request(bytes: &[u8]) -> bool {
    BEGINS.iter().any(|begin| bytes.starts_with(begin) || begin.starts_with(bytes))
}

/// A request line with what a URL may not have percent-encoded.
fn encoded(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 16);
    for &byte in line {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A request line and a header with its query, where the target is too long.
fn divided(line: &[u8]) -> Option<Vec<u8>> {
    let mut words = line.trim_ascii_end().split(|b| *b == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if target.len() <= TARGET || words.next().is_some() {
        return None;
    }
    let (path, query) = target.split_at(target.iter().position(|b| *b == b'?')?);
    let (line, query) = ([method, path, version].join(&b' '), query.get(1..)?);
    Some([line.as_slice(), b"\r\n", LONG_QUERY.as_bytes(), b": ", MARK.as_bytes(), query, b"\r"].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.pass(out) {
                return Poll::Ready(Ok(()));
            }
            if !self.at_start {
                return Pin::new(&mut self.stream).poll_read(cx, out);
            }
            let mut some = [MaybeUninit::uninit(); 4096];
            let mut buffer = ReadBuf::uninit(&mut some);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let filled = buffer.filled();
            self.take_in(filled, filled.is_empty());
            if filled.is_empty() && self.held.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.at_start = self.is_on;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.at_start = self.is_on;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;

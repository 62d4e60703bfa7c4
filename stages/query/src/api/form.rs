//! The parameters of a request: those of its body, if it is a form, then those of its address.
//!
//! Source: `ParseForm` and `FormValue` of Go's `net/http`.

use std::convert::Infallible;

use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::reply::Refusal;

/// The media types of forms: in one text, and in parts.
const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data";

/// How many parts a form may have, as in Go.
const MAX_PARTS: usize = 1000;

/// Names and values, in their order.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

// === impl Form ===

impl Form {
    /// Adds what `text` has, as `a=b&c=d`.
    pub(super) fn add(&mut self, text: &str) -> Result<(), Refusal> {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pair.contains(';') {
                return Err(refused("invalid semicolon separator in query"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.0.push((unescape(name, true)?, unescape(value, true)?));
        }
        Ok(())
    }

    /// Adds what a body of at most `limit` bytes has, and the query of the address: before it where the body is in parts. A body that
    /// is no form is ignored.
    pub(super) async fn read<B>(
        &mut self,
        address: &str,
        headers: &HeaderMap,
        body: B,
        limit: u64,
    ) -> Result<(), Refusal>
    where
        B: Body<Data = bytes::Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let bytes = read_bytes(body, limit).await?;
        let media =
            headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
        let name = media.split(';').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case(FORM) {
            let text = String::from_utf8(bytes).map_err(|_| refused("expected UTF-8"))?;
            self.add(&text)?;
            return self.add(address);
        }
        self.add(address)?;
        if name.eq_ignore_ascii_case(PARTS) {
            return self.add_parts(&media, bytes).await;
        }
        Ok(())
    }

    /// Adds the parts of a body that has each value as one.
    async fn add_parts(&mut self, media: &str, bytes: Vec<u8>) -> Result<(), Refusal> {
        let wrong = |error: multer::Error| refused(&error.to_string());
        let boundary = multer::parse_boundary(media).map_err(wrong)?;
        // In one piece: how long it may be was looked at before.
        let body = futures_util::stream::once(std::future::ready(Ok::<_, Infallible>(bytes::Bytes::from(bytes))));
        let mut parts = multer::Multipart::new(body, boundary);
        let mut count = 0;
        while let Some(part) = parts.next_field().await.map_err(wrong)? {
            count += 1;
            if count > MAX_PARTS {
                return Err(refused(&format!("expected at most {MAX_PARTS} parts")));
            }
            // What is a file is no parameter.
            let name = part.name().filter(|_| part.file_name().is_none()).map(str::to_owned);
            let value = part.bytes().await.map_err(wrong)?;
            if let Some(name) = name {
                let value = String::from_utf8(value.into()).map_err(|_| refused("expected UTF-8"))?;
                self.0.push((name, value));
            }
        }
        Ok(())
    }

    /// Adds a parameter.
    pub(super) fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The first value of a parameter; empty where there is none.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or("")
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read_bytes<B>(mut body: B, limit: u64) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = bytes::Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| refused(&format!("expected a whole body: {error}")))?;
        let Some(data) = frame.data_ref() else { continue };
        if (bytes.len() + data.len()) as u64 > limit {
            return Err(Refusal::too_large(limit));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// The text that an escaped one stands for; in forms `+` is a space.
pub(super) fn unescape(text: &str, is_form: bool) -> Result<String, Refusal> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' if is_form => out.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let is_hex = digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let byte = digits.filter(|_| is_hex).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    let shown = String::from_utf8_lossy(after.get(..2).unwrap_or(after)).into_owned();
                    return Err(refused(&format!("invalid URL escape \"%{shown}\"")));
                };
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out).map_err(|_| refused("expected UTF-8"))
}

fn refused(why: &str) -> Refusal {
    Refusal::bad(format!("error parsing form values: {why}"))
}

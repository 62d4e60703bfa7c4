//! An answer that goes on, line by line.

use http_body_util::{BodyExt, Limited};
use hyper::{Request, StatusCode};

use crate::command::client::Who;

/// The longest line, and the longest refusal, in bytes.
const MAX_LINE: usize = 16 << 20;

/// How an answer has ended.
pub(super) enum Ended {
    /// At its end, or where nobody wanted more.
    Wholly,
    /// It did not begin; why.
    Refused(StatusCode, String),
}

/// GETs `uri` as `who` asks, and has `show` each line of the answer as it comes, without its end, as long as that returns true.
///
/// # Errors
/// A sentence: the address is none, nobody answers there, or the answer broke off.
pub(super) async fn follow(uri: &str, who: &Who, show: impl FnMut(&str) -> bool) -> Result<Ended, String> {
    let response = who.send(uri, Request::default()).await?;
    let status = response.status();
    let mut body = response.into_body();
    if status != StatusCode::OK {
        let text = Limited::new(body, MAX_LINE).collect().await;
        let text = text.map(|text| String::from_utf8_lossy(&text.to_bytes()).into_owned());
        return Ok(Ended::Refused(status, text.unwrap_or_default()));
    }
    let mut lines = Lines { show, line: Vec::new() };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| format!("the answer broke off: {e}"))?;
        if let Ok(data) = frame.into_data()
            && !lines.take(&data)?
        {
            break;
        }
    }
    Ok(Ended::Wholly)
}

/// Lines that come in pieces.
struct Lines<F> {
    show: F,
    /// What has come of the next one.
    line: Vec<u8>,
}

// === impl Lines ===

impl<F: FnMut(&str) -> bool> Lines<F> {
    /// Whether more is wanted.
    fn take(&mut self, piece: &[u8]) -> Result<bool, String> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > MAX_LINE {
                return Err(format!("expected lines of at most {MAX_LINE} bytes"));
            }
            if self.line.pop_if(|byte| *byte == b'\n').is_some() {
                if !(self.show)(&String::from_utf8_lossy(&self.line)) {
                    return Ok(false);
                }
                self.line.clear();
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;

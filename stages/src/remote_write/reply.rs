//! What a server's reply means.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use weir_pipeline::Kind;
use weir_pipeline::ack::{Counts, reason};

use super::{EXEMPLARS_WRITTEN, HISTOGRAMS_WRITTEN, SAMPLES_WRITTEN, Version};
use crate::outbound::retry_after;

/// How much of a reply is told, in characters.
const TOLD: usize = 256;

/// A reply.
pub(super) struct Came {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So much of it is written.
    Written(Counts),
    /// The server will never take the others.
    Refused {
        /// So much is written all the same.
        written: Counts,
        /// Why, for metrics.
        reason: &'static str,
        /// What the server says.
        told: String,
    },
    /// The server takes none of it, and may take less at once.
    TooLarge(String),
    /// The server does not know this version of the protocol.
    Unknown(String),
}

// === impl Came ===

impl Came {
    /// What became of `sent`, which was sent in `version`; or the kind of the error, and what the server says, where the
    /// batch is to be sent again. `now` is in milliseconds since the Unix epoch.
    pub(super) fn judge(self, sent: Counts, version: Version, now: i64) -> Result<Verdict, (Kind, String)> {
        let written = self.written(sent);
        let told = self.told();
        if self.status.is_success() {
            return Ok(match (version, written) {
                (Version::V1, _) => Verdict::Written(sent),
                (Version::V2, Some(written)) => Verdict::Written(written),
                // Whoever reads a message of 2.0 as one of 1.0 finds it empty, and is content.
                (Version::V2, None) => Verdict::Unknown(format!("{told} without saying how much is written")),
            });
        }
        let retry_after = || retry_after(&self.headers, now);
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => Err((Kind::Overloaded { retry_after: retry_after() }, told)),
            StatusCode::REQUEST_TIMEOUT => Err((Kind::Unavailable { retry_after: retry_after() }, told)),
            status if status.is_server_error() => Err((Kind::Unavailable { retry_after: retry_after() }, told)),
            StatusCode::UNSUPPORTED_MEDIA_TYPE if version == Version::V2 => Ok(Verdict::Unknown(told)),
            StatusCode::PAYLOAD_TOO_LARGE if version == Version::V1 || written.unwrap_or_default().samples() == 0 => {
                Ok(Verdict::TooLarge(told))
            }
            status => {
                let written = if version == Version::V2 { written.unwrap_or_default() } else { Counts::default() };
                Ok(Verdict::Refused { written, reason: reason(status), told })
            }
        }
    }

    /// How much of what was `sent` the server says that it has written.
    fn written(&self, sent: Counts) -> Option<Counts> {
        let number = |name: &str| self.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let floats = number(SAMPLES_WRITTEN)?;
        // Native histograms are samples, and have a header of their own; who counts them as floats has no less written.
        let histograms = number(HISTOGRAMS_WRITTEN).unwrap_or(0).saturating_add(floats.saturating_sub(sent.floats));
        // Exemplars fail nothing: who says nothing of them is believed to have taken them.
        let exemplars = number(EXEMPLARS_WRITTEN).unwrap_or(sent.exemplars);
        Some(Counts {
            floats: floats.min(sent.floats),
            histograms: histograms.min(sent.histograms),
            exemplars: exemplars.min(sent.exemplars),
        })
    }

    /// The status and the first line of the body, where it has one.
    fn told(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line: String = text.trim().lines().next().unwrap_or_default().chars().take(TOLD).collect();
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        if line.is_empty() { format!("`{}`", self.status) } else { format!("`{}`: {line}", self.status) }
    }
}

/// The reason of samples that were refused with this status.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => reason::REDIRECTED,
        400 => reason::BAD_REQUEST,
        401 => reason::UNAUTHORIZED,
        403 => reason::FORBIDDEN,
        404 => reason::NOT_FOUND,
        409 => reason::CONFLICT,
        413 => reason::TOO_LARGE,
        415 => reason::UNSUPPORTED_MEDIA_TYPE,
        422 => reason::UNPROCESSABLE,
        _ => reason::REFUSED,
    }
}

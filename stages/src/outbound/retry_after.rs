//! When a server wants to be asked again.

use std::time::{Duration, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;

/// The longest pause that a server may ask for.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long to wait, by the header `Retry-After`: seconds, or a date. `now` is in milliseconds since the Unix epoch.
pub(crate) fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(now.max(0).unsigned_abs());
    Some(at.saturating_sub(now).min(LONGEST))
}

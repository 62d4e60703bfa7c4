//! The parameters of a request: from the query string, and from a form in the body.
//!
//! Source: `parseTime`, `parseDuration` and `parseLimitParam` in `web/api/v1/api.go` of Prometheus 3.14.

use std::time::Duration;

use chrono::DateTime;
use weir_pipeline::Matcher;

use super::respond::Failure;
use crate::syntax;

/// The longest duration in milliseconds: 2^63 nanoseconds, as in Go.
const MAX_DURATION_MS: f64 = 9_223_372_036_854.0;

/// The earliest and the latest time in milliseconds, and how Prometheus' clients write them.
pub(super) const MIN_TIME: i64 = i64::MIN / 1_000_000 * 1000;
pub(super) const MAX_TIME: i64 = i64::MAX / 1_000_000 * 1000;
const MIN_TIME_TEXT: &str = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// The parameters of a request, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

// === impl Params ===

impl Params {
    /// Those of a form in the body, which come first, and of the query string.
    pub(super) fn new(body: &[u8], query: &str) -> Self {
        let forms = form_urlencoded::parse(body).chain(form_urlencoded::parse(query.as_bytes()));
        Self(forms.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a parameter; an empty one is as good as none.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A time that must be there.
    pub(super) fn time(&self, name: &str) -> Result<i64, Failure> {
        let text = self.all(name).next().unwrap_or_default();
        time(text)
            .ok_or_else(|| Failure::parameter(name, format!("cannot parse {} to a valid timestamp", go_quote(text))))
    }

    /// A time, or what stands for its absence.
    pub(super) fn time_or(&self, name: &str, absent: i64) -> Result<i64, Failure> {
        if self.get(name).is_none() { Ok(absent) } else { self.time(name) }
    }

    /// A duration in milliseconds that must be there.
    pub(super) fn duration(&self, name: &str) -> Result<i64, Failure> {
        let text = self.all(name).next().unwrap_or_default();
        duration(text).map_err(|message| Failure::parameter(name, message))
    }

    /// A duration above 0, or none.
    pub(super) fn positive_duration(&self, name: &str) -> Result<Option<Duration>, Failure> {
        if self.get(name).is_none() {
            return Ok(None);
        }
        let ms = self.duration(name)?;
        Ok(u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis))
    }

    /// The limit of an answer; 0 is none.
    pub(super) fn limit(&self) -> Result<usize, Failure> {
        let Some(text) = self.get("limit") else { return Ok(0) };
        match text.parse::<i64>() {
            Ok(n) => usize::try_from(n).map_err(|_| Failure::parameter("limit", "limit must be non-negative")),
            Err(_) => {
                let message = format!("strconv.Atoi: parsing {}: invalid syntax", go_quote(text));
                Err(Failure::parameter("limit", message))
            }
        }
    }

    /// The selectors of `match[]`.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Failure> {
        let read = |text: &str| syntax::parse_selector(text).map_err(|e| Failure::parameter("match[]", e.to_string()));
        self.all("match[]").map(read).collect()
    }
}

/// A time in milliseconds: Unix seconds, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    if let Some(seconds) = float(text) {
        // Beyond this the milliseconds do not fit; NaN is no time either.
        return (seconds.abs() < 9e15).then(|| (seconds * 1000.0).round() as i64);
    }
    match text {
        MIN_TIME_TEXT => Some(MIN_TIME),
        MAX_TIME_TEXT => Some(MAX_TIME),
        _ => DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp_millis()),
    }
}

/// A duration in milliseconds: seconds, or with units.
fn duration(text: &str) -> Result<i64, String> {
    if let Some(seconds) = float(text) {
        let ms = seconds * 1000.0;
        if ms.abs() > MAX_DURATION_MS || ms.is_nan() {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", go_quote(text)));
        }
        return Ok(ms as i64);
    }
    let wrong = || format!("cannot parse {} to a valid duration", go_quote(text));
    text.parse::<weir_pipeline::units::Span>().map(|span| span.as_millis()).map_err(|_| wrong())
}

/// A float as Go's ParseFloat reads it, as far as clients send it.
fn float(text: &str) -> Option<f64> {
    let looks = text.bytes().next().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if looks && !text.bytes().any(|b| b == b'i' || b == b'n') { text.parse().ok() } else { None }
}

/// A text in Go's quotes.
fn go_quote(text: &str) -> String {
    weir_pipeline::selector::quote(text)
}

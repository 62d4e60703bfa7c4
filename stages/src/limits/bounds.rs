//! The limits of a tenant.

use serde::Deserialize;
use weir_pipeline::Labels;
use weir_pipeline::ack::reason;
use weir_pipeline::units::{Bytes, Span};

use super::tenants::Rate;

/// What a tenant may send. 0 is no limit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// So many samples a second, on average. Default 0.
    pub samples_per_second: u64,
    /// So many samples at once. Default: ten seconds' worth.
    pub burst: Option<u64>,
    /// So many active series. Default 10000000.
    pub series: u64,
    /// So many labels of a series, its name included. Default 0.
    pub labels: u64,
    /// The longest name of a label. Default 0.
    pub label_name: Bytes,
    /// The longest value of a label. Default 0.
    pub label_value: Bytes,
    /// The largest request body, compressed and decompressed; `receive` has limits of its own beside it. Default 0.
    pub request_bytes: Bytes,
    /// So many series in a request. Default 0.
    pub request_series: u64,
    /// So many samples in a request. Default 0.
    pub request_samples: u64,
    /// What the tenant's series and samples may take in the head of each store that names these limits, which are cut from time
    /// to time. Above it the tenant gets 429. Without it one tenant may fill `head.memory` of the store, and all get 503: set it
    /// where several share a store, to half of that for instance. Default 0.
    pub head_bytes: Bytes,
    /// How old samples get: older ones are refused, and what stores and bucket have goes, block by block, each of at most a
    /// UTC day. It needs a store that names these limits. Default 0s.
    pub retention: Span,
    /// How old samples may be that come, be it out of order; what the store's `head.max_past` says where this is 0. It needs a
    /// store that names these limits. Default 0s.
    pub max_past: Span,
}

/// What one tenant may send, where it is something else than others. 0 is no limit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// So many samples a second, on average. Default: as others.
    samples_per_second: Option<u64>,
    /// So many samples at once. Default: ten seconds' worth where `samples_per_second` is said, or else as others.
    burst: Option<u64>,
    /// So many active series. Default: as others.
    series: Option<u64>,
    /// So many labels of a series, its name included. Default: as others.
    labels: Option<u64>,
    /// The longest name of a label. Default: as others.
    label_name: Option<Bytes>,
    /// The longest value of a label. Default: as others.
    label_value: Option<Bytes>,
    /// The largest request body, compressed and decompressed. Default: as others.
    request_bytes: Option<Bytes>,
    /// So many series in a request. Default: as others.
    request_series: Option<u64>,
    /// So many samples in a request. Default: as others.
    request_samples: Option<u64>,
    /// What the tenant's series and samples may take in the head of each store. Default: as others.
    head_bytes: Option<Bytes>,
    /// How old samples get. Default: as others.
    retention: Option<Span>,
    /// How old samples may be that come. Default: as others.
    max_past: Option<Span>,
}

/// What all tenants may send together. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Global {
    /// So many samples a second, on average. Default 0.
    pub samples_per_second: u64,
    /// So many samples at once. Default: ten seconds' worth.
    pub burst: Option<u64>,
    /// So many active series. Default 0.
    pub series: u64,
}

// === impl Bounds ===

impl Bounds {
    /// No limit at all.
    pub(crate) fn none() -> Self {
        let (bytes, burst) = (Bytes::kib(0), None);
        Self {
            samples_per_second: 0,
            burst,
            series: 0,
            labels: 0,
            label_name: bytes,
            label_value: bytes,
            request_bytes: bytes,
            request_series: 0,
            request_samples: 0,
            head_bytes: bytes,
            retention: Span::from_secs(0),
            max_past: Span::from_secs(0),
        }
    }

    /// Samples a second, and at once.
    pub(super) fn rate(&self) -> Option<Rate> {
        rate(self.samples_per_second, self.burst)
    }

    /// How many bytes the tenant may have in a head; `None` for no limit.
    pub fn head_bytes(&self) -> Option<u64> {
        Some(self.head_bytes.get()).filter(|bytes| *bytes > 0)
    }

    /// How old samples get, in milliseconds; `None` where they stay.
    pub fn retention(&self) -> Option<i64> {
        Some(self.retention.as_millis()).filter(|age| *age > 0)
    }

    /// How old samples may be that come, in milliseconds; `None` where the store says it.
    pub fn max_past(&self) -> Option<i64> {
        Some(self.max_past.as_millis()).filter(|age| *age > 0)
    }

    /// The most bytes of a request.
    pub(crate) fn request_bytes(&self) -> u64 {
        most(self.request_bytes.get())
    }

    /// The most series and samples of a request.
    pub(crate) fn request(&self) -> (u64, u64) {
        (most(self.request_series), most(self.request_samples))
    }

    /// Which limit a series with these labels is beyond, whoever sends it.
    pub(crate) fn refuses(&self, labels: Labels<'_>) -> Option<&'static str> {
        let longer = |text: &str, limit: Bytes| text.len() as u64 > most(limit.get());
        if self.labels > 0 && labels.iter().count() as u64 > self.labels {
            return Some(reason::LABEL_LIMIT);
        }
        if self.label_name.get() > 0 && labels.iter().any(|(name, _)| longer(name, self.label_name)) {
            return Some(reason::LABEL_NAME_LENGTH);
        }
        let too_long = self.label_value.get() > 0 && labels.iter().any(|(_, value)| longer(value, self.label_value));
        too_long.then_some(reason::LABEL_VALUE_LENGTH)
    }

    /// Whether they make sense together.
    pub(super) fn check(&self, of: &str) -> Result<(), String> {
        check_burst(self.burst, of)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        // Who sends too fast loses samples by it, where the sender is a Prometheus as it is shipped: no rate is right for all.
        Self { series: 10_000_000, ..Self::none() }
    }
}

/// As much as any number, where there is no limit.
fn most(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

fn check_burst(burst: Option<u64>, of: &str) -> Result<(), String> {
    if burst == Some(0) { Err(format!("expected `burst` of `{of}` above 0, got `0`")) } else { Ok(()) }
}

fn rate(samples: u64, burst: Option<u64>) -> Option<Rate> {
    (samples > 0).then(|| (samples, burst.unwrap_or(samples.saturating_mul(10))))
}

// === impl Overrides ===

impl Overrides {
    /// What is said here, and for the rest what others may send.
    pub(super) fn over(self, others: &Bounds) -> Bounds {
        Bounds {
            samples_per_second: self.samples_per_second.unwrap_or(others.samples_per_second),
            burst: self.burst.or(others.burst.filter(|_| self.samples_per_second.is_none())),
            series: self.series.unwrap_or(others.series),
            labels: self.labels.unwrap_or(others.labels),
            label_name: self.label_name.unwrap_or(others.label_name),
            label_value: self.label_value.unwrap_or(others.label_value),
            request_bytes: self.request_bytes.unwrap_or(others.request_bytes),
            request_series: self.request_series.unwrap_or(others.request_series),
            request_samples: self.request_samples.unwrap_or(others.request_samples),
            head_bytes: self.head_bytes.unwrap_or(others.head_bytes),
            retention: self.retention.unwrap_or(others.retention),
            max_past: self.max_past.unwrap_or(others.max_past),
        }
    }
}

// === impl Global ===

impl Global {
    /// Whether they make sense together.
    pub(super) fn check(&self) -> Result<(), String> {
        check_burst(self.burst, "global")
    }

    /// Samples a second, and at once.
    pub(super) fn rate(&self) -> Option<Rate> {
        rate(self.samples_per_second, self.burst)
    }
}

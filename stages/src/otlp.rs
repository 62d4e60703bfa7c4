//! OTLP metrics as bytes: reads a message in one pass straight into a [`weir_pipeline::Batch`], with the names and labels that
//! Prometheus gives them by default.
//!
//! ```yaml
//! otlp: { promote_resource_attributes: [deployment.environment, k8s.namespace.name] }
//! ```
//!
//! Names: what is no letter, digit or `:` becomes `_`, the unit is appended (`s` as `seconds`, `By/s` as `bytes_per_second`),
//! `_total` to sums that only rise, and `_ratio` to gauges of unit `1`. Labels: attributes with `_` for what is no letter or digit;
//! `service.namespace/service.name` is `job`, `service.instance.id` is `instance`. What else a resource says is in `target_info`,
//! a series for each resource, at its first and last time and every 2.5 minutes between these; what
//! `promote_resource_attributes` lists is at all of its series.
//!
//! Points: gauges and sums are a sample each. A histogram is `_bucket` for each bound and `+Inf`, `_count`, and `_sum` where it has
//! one; a summary is a sample for each quantile, `_sum` and `_count`; an exponential histogram is a native histogram. A point without a value marks the end of its series.
//!
//! Errors: bytes that are no such message fail as a whole, and so does what would take more memory than the limits allow. Sums and
//! histograms that are not cumulative are refused, and exponential histograms that make no sense; each point is counted, and the
//! rest is good.
//!
//! Exemplars go with their points, those of a histogram with the bucket that they are in: trace and span in hexadecimal as
//! `trace_id` and `span_id`, and other attributes where all of them are at most 128 characters.
//!
//! A request may be in JSON ([`to_protobuf`]), in which messages mean the same.
//!
//! Source: the protocol's `metrics.proto`; `storage/remote/otlptranslator` of Prometheus 3.14 and `prometheus/otlptranslator` with
//! the strategy `UnderscoreEscapingWithSuffixes`.

mod attributes;
mod exemplar;
mod exponential;
#[doc(hidden)]
pub mod fuzz;
mod json;
mod names;
mod points;
mod resource;
mod schema;
mod value;

use serde::Deserialize;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Error, Result, Tenant};

use crate::remote_write::wire::{Cursor, FIXED64, LEN, Malformed, VARINT, key};
use crate::remote_write::{Decoded, Fault, Intake, Limits, Memory, Reason, Version, no_memory};
pub use json::to_protobuf;
use names::Kind;
use points::Points;
use resource::Resource;

/// What OTLP metrics become.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Otlp {
    /// The attributes of resources that become labels of all their series. Default none.
    pub promote_resource_attributes: Vec<String>,
    /// Whether `target_info` also has the attributes that are `job` and `instance`. Default false.
    pub keep_identifying_resource_attributes: bool,
    /// Whether each resource has a series `target_info`. Default true.
    pub target_info: bool,
}

/// What a metric says of itself.
#[derive(Default)]
struct Said<'a> {
    name: &'a str,
    description: &'a str,
    unit: &'a str,
    /// The kind's field, and what is in it.
    data: Option<(u32, Cursor<'a>)>,
    /// Whether points are cumulative, and a sum only rises.
    is_cumulative: bool,
    is_monotonic: bool,
}

/// The fields of a metric that say its kind.
mod kind {
    pub(super) const GAUGE: u32 = 5;
    pub(super) const SUM: u32 = 7;
    pub(super) const HISTOGRAM: u32 = 9;
    pub(super) const EXPONENTIAL: u32 = 10;
    pub(super) const SUMMARY: u32 = 11;
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// Reads `body`, decompressed, as one `ExportMetricsServiceRequest`.
///
/// # Errors
/// `Invalid`, where the bytes are no such request or the batch would exceed `limits`.
pub fn decode(body: &[u8], tenant: Tenant, limits: &Limits, settings: &Otlp) -> Result<Decoded> {
    decode_in(body, tenant, limits, settings, Memory { held: u64::MAX, ask: &mut |_| true })
}

/// The same, with memory that has to be asked for.
///
/// # Errors
/// As [`decode`]; `Unavailable`, where there is no memory.
pub(crate) fn decode_in<'l>(
    body: &[u8],
    tenant: Tenant,
    limits: &'l Limits,
    settings: &Otlp,
    memory: Memory<'l>,
) -> Result<Decoded> {
    let mut intake = Intake::new(limits, Version::V2, tenant, memory);
    match request(body, &mut intake, settings) {
        Ok(()) => Ok(intake.finish()),
        Err(Fault::Malformed(malformed)) => {
            Err(Error::invalid(format!("expected an `ExportMetricsServiceRequest`, got {malformed}")))
        }
        Err(Fault::TooManySymbols | Fault::TooLarge) => {
            Err(Error::invalid(format!("expected samples that take at most {} bytes in memory", limits.batch_bytes)))
        }
        Err(Fault::NoMemory) => Err(no_memory()),
    }
}

fn request(body: &[u8], intake: &mut Intake<'_>, settings: &Otlp) -> Result<(), Fault> {
    const RESOURCES: u32 = key(1, LEN);
    let mut cursor = Cursor::new(body);
    let mut told = resource::Told::default();
    while let Some(key) = cursor.key()? {
        match key {
            RESOURCES => of_resource(cursor.message()?, intake, settings, &mut told)?,
            _ => cursor.skip(key, 1 << 1)?,
        }
    }
    Ok(())
}

/// All metrics of a resource. What it says of itself may come after them.
fn of_resource(
    message: Cursor<'_>,
    intake: &mut Intake<'_>,
    settings: &Otlp,
    told: &mut resource::Told,
) -> Result<(), Fault> {
    const RESOURCE: u32 = key(1, LEN);
    const SCOPES: u32 = key(2, LEN);
    let mut resource = Resource::default();
    let mut cursor = message;
    while let Some(key) = cursor.key()? {
        match key {
            RESOURCE => resource.read(cursor.message()?, intake.limits.value_bytes)?,
            _ => cursor.skip(key, 1 << 1)?,
        }
    }
    resource.settle(settings);
    let mut cursor = message;
    while let Some(key) = cursor.key()? {
        match key {
            SCOPES => of_scope(cursor.message()?, &mut resource, intake)?,
            _ => cursor.skip(key, 1 << 2)?,
        }
    }
    if settings.target_info {
        resource.tell(settings, intake, told)?;
    }
    Ok(())
}

fn of_scope(mut cursor: Cursor<'_>, resource: &mut Resource, intake: &mut Intake<'_>) -> Result<(), Fault> {
    const METRICS: u32 = key(2, LEN);
    while let Some(key) = cursor.key()? {
        match key {
            METRICS => metric(cursor.message()?, resource, intake)?,
            _ => cursor.skip(key, 1 << 2)?,
        }
    }
    Ok(())
}

fn metric(message: Cursor<'_>, resource: &mut Resource, intake: &mut Intake<'_>) -> Result<(), Fault> {
    let said = Said::read(message)?;
    let Some((field, data)) = said.data else {
        intake.leave_out(Reason::Unsupported, 0, || {
            format!("metric `{}`: expected a gauge, a sum, a histogram or a summary", shown(said.name))
        });
        return Ok(());
    };
    let name_kind = match field {
        kind::GAUGE => Kind::Gauge,
        kind::SUM if said.is_monotonic => Kind::Counter,
        _ => Kind::Other,
    };
    let family = names::metric(said.name, said.unit, name_kind);
    let refusal = match (field, &family) {
        (kind::SUM | kind::HISTOGRAM | kind::EXPONENTIAL, _) if !said.is_cumulative => {
            Some((Reason::Temporality, "expected cumulative temporality"))
        }
        (_, None) => Some((Reason::InvalidLabels, "expected a name with a letter or a digit")),
        _ => None,
    };
    let mut points = Points { resource, intake, name: said.name, family: family.as_deref().unwrap_or_default() };
    if let Some((reason, text)) = refusal {
        return points.refuse(data, reason, text);
    }
    let kind = match field {
        kind::SUM if said.is_monotonic => MetricKind::Counter,
        kind::GAUGE | kind::SUM => MetricKind::Gauge,
        kind::SUMMARY => MetricKind::Summary,
        _ => MetricKind::Histogram,
    };
    let (help, unit) = (said.description.to_owned(), names::unit(said.unit));
    points.intake.metadata(Metadata { metric: points.family.to_owned(), kind, help, unit })?;
    points.read(field, data)
}

/// As much of a name as a message can bear.
fn shown(name: &str) -> String {
    name.chars().take(200).collect()
}

// === impl Otlp ===

impl Default for Otlp {
    fn default() -> Self {
        Self { promote_resource_attributes: Vec::new(), keep_identifying_resource_attributes: false, target_info: true }
    }
}

// === impl Said ===

impl<'a> Said<'a> {
    fn read(mut cursor: Cursor<'a>) -> Result<Self, Malformed> {
        const NAME: u32 = key(1, LEN);
        const DESCRIPTION: u32 = key(2, LEN);
        const UNIT: u32 = key(3, LEN);
        let mut said = Self::default();
        while let Some(key) = cursor.key()? {
            match key {
                NAME => said.name = cursor.text()?,
                DESCRIPTION => said.description = cursor.text()?,
                UNIT => said.unit = cursor.text()?,
                _ if key & 7 == LEN && points::FIELDS.contains(&(key >> 3)) => {
                    said.data = Some((key >> 3, cursor.message()?));
                }
                _ => cursor.skip(key, 1 << 1 | 1 << 2 | 1 << 3)?,
            }
        }
        let Some((field, mut data)) = said.data else { return Ok(said) };
        const TEMPORALITY: u32 = key(2, VARINT);
        const MONOTONIC: u32 = key(3, VARINT);
        while let Some(key) = data.key()? {
            match key {
                TEMPORALITY => said.is_cumulative = data.varint()? == CUMULATIVE,
                MONOTONIC if field == kind::SUM => said.is_monotonic = data.varint()? != 0,
                _ => data.skip(key, 0)?,
            }
        }
        Ok(said)
    }
}

/// A timestamp in nanoseconds.
const fn time(field: u32) -> u32 {
    key(field, FIXED64)
}

#[cfg(test)]
mod tests;

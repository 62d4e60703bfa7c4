//! `metadata` and `status/tsdb`: what the store knows of metrics, and what makes its recent series many.
//!
//! Both take `partial_response`, as queries do: over a cluster of which too few members answer there is a warning, or an error.
//!
//! Source: `metricMetadata` and `serveTSDBStatus` of `web/api/v1/api.go` of Prometheus 3.14. Here both are a tenant's.

use serde_json::{Map, Value, json};
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Ask, Cardinality};

use super::form::Form;
use super::reply::Refusal;

/// The most entries of each kind in `status/tsdb`.
const MAX_ENTRIES: usize = 10_000;

/// What `metadata` asks.
pub(super) fn ask_metadata(form: &Form) -> Result<Ask, Refusal> {
    number(form, "limit")?;
    number(form, "limit_per_metric")?;
    let metric = Some(form.get("metric")).filter(|metric| !metric.is_empty()).map(str::to_owned);
    Ok(Ask::Metadata { metric, bucket: None })
}

/// `{"metric":[{"type":…,"help":…,"unit":…}]}`.
pub(super) fn metadata(known: &[Metadata], form: &Form) -> Result<Value, Refusal> {
    let most = |limit: Option<i64>| limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let limit = most(number(form, "limit")?);
    let per_metric = most(number(form, "limit_per_metric")?.filter(|limit| *limit > 0));
    let mut out: Map<String, Value> = Map::new();
    for of_metric in known.chunk_by(|a, b| a.metric == b.metric).take(limit) {
        let Some(first) = of_metric.first() else { continue };
        let shown = |m: &Metadata| json!({ "type": m.kind.as_str(), "help": m.help, "unit": m.unit });
        out.insert(first.metric.clone(), of_metric.iter().take(per_metric).map(shown).collect());
    }
    Ok(Value::Object(out))
}

/// What `status/tsdb` asks.
pub(super) fn ask_cardinality(form: &Form) -> Result<Ask, Refusal> {
    let limit = match form.get("limit") {
        "" => 10,
        text => match text.parse::<usize>() {
            Ok(limit) if limit > MAX_ENTRIES => {
                return Err(Refusal::bad(format!("limit must not exceed {MAX_ENTRIES}")));
            }
            Ok(limit) if limit > 0 => limit,
            _ => return Err(Refusal::bad("limit must be a positive number")),
        },
    };
    Ok(Ask::Cardinality { limit })
}

/// The head's statistics in the keys of Prometheus.
pub(super) fn cardinality(found: &Cardinality) -> Value {
    let list = |entries: &[(String, u64)]| -> Vec<Value> {
        entries.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    // As Prometheus shows a head without samples.
    let (first, last) = found.times.unwrap_or((i64::MAX, i64::MIN));
    json!({
        "headStats": {
            "numSeries": found.series,
            "numLabelPairs": found.label_pairs,
            "chunkCount": found.chunks,
            "minTime": first,
            "maxTime": last,
        },
        "seriesCountByMetricName": list(&found.by_metric),
        "labelValueCountByLabelName": list(&found.values_by_label),
        "memoryInBytesByLabelName": list(&found.bytes_by_label),
        "seriesCountByLabelValuePair": list(&found.by_pair),
    })
}

/// A number that may be negative.
fn number(form: &Form, name: &str) -> Result<Option<i64>, Refusal> {
    match form.get(name) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Refusal::bad(format!("{name} must be a number"))),
    }
}

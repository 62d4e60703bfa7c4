//! One function for each endpoint.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use weir_pipeline::{Answer, Ask, Data, Kind, Query, Tenant};

use super::Service;
use super::json::{data, text};
use super::params::{MAX_TIME, MIN_TIME, Params};
use super::respond::{Envelope, Failure};
use super::routes::Asked;

/// The version of Prometheus whose API this is: what clients decide by.
const API_VERSION: &str = "3.14.0";

/// The headers that name the tenant: that of Cortex and Mimir, and that of Thanos.
const TENANT_HEADERS: [&str; 2] = ["x-scope-orgid", "thanos-tenant"];

/// `/query`
pub(super) async fn query(service: Arc<Service>, asked: Asked) -> Result<Envelope, Failure> {
    let params = &asked.params;
    let time = params.time_or("time", service.clock.now())?;
    let expr = expression(params);
    ask(&service, &asked, Ask::Instant { expr, time }).await
}

/// `/query_range`
pub(super) async fn query_range(service: Arc<Service>, asked: Asked) -> Result<Envelope, Failure> {
    let params = &asked.params;
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(Failure::parameter("end", "end timestamp must not be before start time"));
    }
    let step = params.duration("step")?;
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failure::parameter("step", message));
    }
    let max = service.settings.max_points;
    if end.abs_diff(start) / step.unsigned_abs() > max {
        let max = thousands(max);
        let message = format!(
            "exceeded maximum resolution of {max} points per timeseries. Try decreasing the query resolution (?step=XX)"
        );
        return Err(Failure::bad_data(message));
    }
    let expr = expression(params);
    ask(&service, &asked, Ask::Range { expr, start, end, step }).await
}

/// `/series`
pub(super) async fn series(service: Arc<Service>, asked: Asked) -> Result<Envelope, Failure> {
    if asked.params.all("match[]").next().is_none() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let (start, end) = times(&asked.params)?;
    let selectors = asked.params.selectors()?;
    ask(&service, &asked, Ask::Series { selectors, start, end }).await
}

/// `/labels`
pub(super) async fn labels(service: Arc<Service>, asked: Asked) -> Result<Envelope, Failure> {
    let (start, end) = times(&asked.params)?;
    let selectors = asked.params.selectors()?;
    ask(&service, &asked, Ask::LabelNames { selectors, start, end }).await
}

/// `/label/<name>/values`
pub(super) async fn label_values(service: Arc<Service>, asked: Asked, name: String) -> Result<Envelope, Failure> {
    let name = if name.starts_with("U__") { unescape(&name) } else { name };
    if name.is_empty() {
        return Err(Failure::bad_data(format!("invalid label name: {}", weir_pipeline::selector::quote(&name))));
    }
    let (start, end) = times(&asked.params)?;
    let selectors = asked.params.selectors()?;
    ask(&service, &asked, Ask::LabelValues { name, selectors, start, end }).await
}

/// `/status/buildinfo`
pub(super) async fn build_info(_: Arc<Service>, _: Asked) -> Result<Envelope, Failure> {
    let fields = [
        ("application", "Weir"),
        ("weirVersion", env!("CARGO_PKG_VERSION")),
        ("version", API_VERSION),
        ("revision", ""),
        ("branch", ""),
        ("buildUser", ""),
        ("buildDate", ""),
        ("goVersion", ""),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
    Ok(Envelope::data(format!("{{{}}}", fields.join(","))))
}

fn expression(params: &Params) -> Arc<str> {
    params.get("query").unwrap_or_default().into()
}

fn times(params: &Params) -> Result<(i64, i64), Failure> {
    let (start, end) = (params.time_or("start", MIN_TIME)?, params.time_or("end", MAX_TIME)?);
    if end < start {
        return Err(Failure::parameter("end", "end timestamp must not be before start time"));
    }
    Ok((start, end))
}

/// Sends the question down and writes the answer.
async fn ask(service: &Service, asked: &Asked, ask: Ask) -> Result<Envelope, Failure> {
    let params = &asked.params;
    let limit = params.limit()?;
    let most: Duration = service.settings.timeout.get();
    let timeout = params.positive_duration("timeout")?.map_or(most, |t| t.min(most));
    let lookback = params.positive_duration("lookback_delta")?;
    let tenant = tenant(&asked.headers, &service.settings.default_tenant)?;
    let promql = matches!(ask, Ask::Instant { .. } | Ask::Range { .. });
    let query = Query { tenant, ask, limit, timeout: Some(timeout), lookback };
    let answer = match service.next.send(query).await {
        Ok(answer) => truncate(answer, limit),
        Err(error) if promql && error.kind() == Kind::Invalid => {
            return Err(Failure::parameter("query", error.message()));
        }
        Err(error) => return Err(Failure::from_rest(&error)),
    };
    Ok(Envelope { data: data(&answer.data), warnings: answer.warnings, infos: answer.infos })
}

/// Cuts an answer to the limit, and says so.
fn truncate(mut answer: Answer, limit: usize) -> Answer {
    let before = |len: usize| limit > 0 && len > limit;
    let cut = match &mut answer.data {
        Data::Vector(all) => before(all.len()).then(|| all.truncate(limit)),
        Data::Matrix(all) => before(all.len()).then(|| all.truncate(limit)),
        Data::Series(all) => before(all.len()).then(|| all.truncate(limit)),
        Data::Names(all) => before(all.len()).then(|| all.truncate(limit)),
        Data::Scalar(..) | Data::String(..) => None,
    };
    let warning = "results truncated due to limit";
    if cut.is_some() && !answer.warnings.iter().any(|w| w == warning) {
        answer.warnings.push(warning.to_owned());
    }
    answer
}

fn tenant(headers: &HeaderMap, default: &Tenant) -> Result<Tenant, Failure> {
    let values = TENANT_HEADERS.iter().flat_map(|name| headers.get_all(*name)).map(|v| v.as_bytes());
    let mut named = values.filter(|value| !value.is_empty()).map(String::from_utf8_lossy);
    let Some(first) = named.next() else { return Ok(default.clone()) };
    if let Some(other) = named.find(|other| *other != first) {
        return Err(Failure::bad_data(format!("expected one tenant, got `{first}` and `{other}`")));
    }
    Tenant::new(&first).map_err(|e| Failure::bad_data(e.to_string()))
}

/// `U__` escapes: `__` is an underscore, `_1f600_` a code point. What is not such an escape stays as it is.
///
/// Source: `model.UnescapeName` of prometheus/common.
fn unescape(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name.strip_prefix("U__").unwrap_or(name);
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let code = rest.split_once('_').filter(|(hex, _)| (1..=6).contains(&hex.len()));
        let decoded = code.and_then(|(hex, after)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, after)));
        let Some((c, after)) = decoded else { return name.to_owned() };
        out.push(c);
        rest = after;
    }
    out + rest
}

/// 11000 as `11,000`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

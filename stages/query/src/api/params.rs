//! From the parameters of a request to a question.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use weir_pipeline::selector::quote;
use weir_pipeline::{Ask, Matcher, StatsDetail};

use super::form::Form;
use super::reply::Refusal;
use super::time;
use crate::syntax;
use crate::syntax::ast::ValueType;

/// What requests may set of any question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// 0 for no limit.
    pub(super) limit: usize,
    /// At most how long.
    pub(super) timeout: Option<Duration>,
    pub(super) lookback: Option<Duration>,
    /// Whether an answer with gaps, and a warning of them, is better than none.
    pub(super) partial: bool,
    /// What the answer tells of how it was found.
    pub(super) stats: StatsDetail,
    /// The labels in which replicas differ, where the question says.
    pub(super) replica_labels: Option<Arc<[String]>>,
    /// Whether nothing that is kept of earlier answers will do.
    pub(super) anew: bool,
}

type Read<T> = Result<T, Refusal>;

// === impl Options ===

impl Options {
    /// Nothing is set, and an answer must be whole.
    pub(super) fn whole() -> Self {
        let (stats, replica_labels) = (StatsDetail::None, None);
        Self { limit: 0, timeout: None, lookback: None, partial: false, stats, replica_labels, anew: false }
    }
}

/// A PromQL expression at one time, `now` where none is given.
pub(super) fn query(form: &Form, now: i64) -> Read<(Ask, Options)> {
    let limit = limit(form)?;
    let time = time_or(form, "time", now)?;
    let timeout = timeout(form)?;
    let lookback = lookback(form)?;
    let partial = partial(form)?;
    let (expr, stats) = (form.get("query"), stats(form));
    value_type(expr)?;
    Ok((
        Ask::Instant { expr: expr.into(), time },
        Options { limit, timeout, lookback, partial, stats, replica_labels: replica_labels(form)?, anew: false },
    ))
}

/// A PromQL expression at steps, of which there are at most `max_points` after the first.
pub(super) fn query_range(form: &Form, max_points: NonZeroU64) -> Read<(Ask, Options)> {
    let limit = limit(form)?;
    let time = |name: &str| time::time(form.get(name)).map_err(|why| invalid(name, &why));
    let (start, end) = (time("start")?, time("end")?);
    if end < start {
        return Err(invalid("end", "end timestamp must not be before start time"));
    }
    let nanos = time::duration(form.get("step")).map_err(|why| invalid("step", &why))?;
    // Steps count milliseconds.
    let step = nanos / 1_000_000;
    if step <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(invalid("step", why));
    }
    let points = (i128::from(end) - i128::from(start)) * 1_000_000 / i128::from(nanos);
    if points > i128::from(max_points.get()) {
        let most = with_commas(max_points.get());
        return Err(Refusal::bad(format!(
            "exceeded maximum resolution of {most} points per timeseries. Try decreasing the query resolution \
             (?step=XX)"
        )));
    }
    let timeout = timeout(form)?;
    let lookback = lookback(form)?;
    let partial = partial(form)?;
    let (expr, stats) = (form.get("query"), stats(form));
    let unfit = match value_type(expr)? {
        ValueType::Scalar | ValueType::Vector => {
            let ask = Ask::Range { expr: expr.into(), start, end, step };
            // As VictoriaMetrics has it.
            let anew = matches!(form.get("nocache"), "1" | "true");
            let replica_labels = replica_labels(form)?;
            return Ok((ask, Options { limit, timeout, lookback, partial, stats, replica_labels, anew }));
        }
        unfit => unfit.as_str(),
    };
    let why = format!("invalid expression type \"{unfit}\" for range query, must be Scalar or instant Vector");
    Err(invalid("query", &why))
}

/// The exemplars of the series that a query selects; `None` where it selects none.
pub(super) fn query_exemplars(form: &Form) -> Read<Option<(Ask, Options)>> {
    let (start, end) = times(form)?;
    let options = Options { partial: partial(form)?, ..Options::whole() };
    if end < start {
        return Err(Refusal::bad("end timestamp must not be before start timestamp"));
    }
    let expr = syntax::parse(form.get("query")).map_err(|error| Refusal::bad(error.to_string()))?;
    let selectors: Vec<_> = expr.selectors().into_iter().map(|selector| selector.matchers.clone()).collect();
    let ask = Ask::Exemplars { selectors, start, end, bucket: None };
    Ok(expr.selectors().first().map(|_| (ask, options)))
}

/// The series that match one of the selectors, of which there must be one at least.
pub(super) fn series(form: &Form) -> Read<(Ask, Options)> {
    if form.all("match[]").next().is_none() {
        return Err(Refusal::bad("no match[] parameter provided"));
    }
    let (options, start, end) = span(form)?;
    let selectors = selectors(form).map_err(|why| invalid("match[]", &why))?;
    Ok((Ask::Series { selectors, start, end }, options))
}

/// Label names.
pub(super) fn labels(form: &Form) -> Read<(Ask, Options)> {
    let (options, start, end) = span(form)?;
    let selectors = selectors(form).map_err(Refusal::bad)?;
    Ok((Ask::LabelNames { selectors, start, end }, options))
}

/// The selectors of a federation. What would be partial is an error, unless a gap is better than nothing.
pub(super) fn federate(form: &Form) -> Read<(Vec<Vec<Matcher>>, Options)> {
    let selectors = selectors(form).map_err(Refusal::bad)?;
    let partial = !form.get("partial_response").is_empty() && partial(form)?;
    Ok((selectors, Options { lookback: lookback(form)?, partial, ..Options::whole() }))
}

/// The values of a label.
pub(super) fn label_values(form: &Form, name: String) -> Read<(Ask, Options)> {
    let (options, start, end) = span(form)?;
    let selectors = selectors(form).map_err(Refusal::bad)?;
    Ok((Ask::LabelValues { name, selectors, start, end }, options))
}

/// The limit, and the time span of a question about labels.
fn span(form: &Form) -> Read<(Options, i64, i64)> {
    let limit = limit(form)?;
    let (start, end) = times(form)?;
    Ok((Options { limit, partial: partial(form)?, ..Options::whole() }, start, end))
}

fn times(form: &Form) -> Read<(i64, i64)> {
    Ok((time_or(form, "start", time::MIN)?, time_or(form, "end", time::MAX)?))
}

/// The type of a query's value. It is read again by those who answer it: reading is cheap, and a wrong text is told
/// before it waits for its turn.
fn value_type(expr: &str) -> Read<ValueType> {
    let expr = syntax::parse(expr).map_err(|error| invalid("query", &error.to_string()))?;
    Ok(expr.value_type())
}

fn selectors(form: &Form) -> Result<Vec<Vec<Matcher>>, String> {
    let read = |text| syntax::parse_selector(text).map_err(|error| error.to_string());
    let selectors = form.all("match[]").map(read).collect::<Result<Vec<_>, _>>()?;
    let selects_all = |matchers: &Vec<Matcher>| matchers.iter().all(Matcher::matches_empty);
    if selectors.iter().any(selects_all) {
        return Err("match[] must contain at least one non-empty matcher".into());
    }
    Ok(selectors)
}

fn limit(form: &Form) -> Read<usize> {
    let text = form.get("limit");
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        format!("strconv.Atoi: parsing {}: invalid syntax", quote(text))
    } else {
        match text.parse::<i64>().map(usize::try_from) {
            Ok(Ok(limit)) => return Ok(limit),
            Ok(Err(_)) => "limit must be non-negative".to_owned(),
            Err(_) => format!("strconv.Atoi: parsing {}: value out of range", quote(text)),
        }
    };
    Err(invalid("limit", &why))
}

fn time_or(form: &Form, name: &str, default: i64) -> Read<i64> {
    let text = form.get(name);
    if text.is_empty() {
        return Ok(default);
    }
    time::time(text).map_err(|why| invalid(name, &format!("invalid time value for '{name}': {why}")))
}

pub(super) fn timeout(form: &Form) -> Read<Option<Duration>> {
    let text = form.get("timeout");
    if text.is_empty() {
        return Ok(None);
    }
    let nanos = time::duration(text).map_err(|why| invalid("timeout", &why))?;
    Ok(Some(Duration::from_nanos(nanos.max(0) as u64)))
}

/// How far to look back; 0 is the default.
fn lookback(form: &Form) -> Read<Option<Duration>> {
    let text = form.get("lookback_delta");
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| Refusal::bad(format!("error parsing lookback delta duration: {why}"));
    let nanos = time::duration(text).map_err(wrong)?;
    Ok(u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos))
}

/// `partial_response`, as Thanos has it: true where it is not given.
pub(super) fn partial(form: &Form) -> Read<bool> {
    flag(form, "partial_response")
}

/// A flag that is set unless it says otherwise.
fn flag(form: &Form, name: &str) -> Read<bool> {
    match form.get(name) {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => {
            let why = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(other));
            Err(invalid(name, &why))
        }
    }
}

/// The labels in which replicas differ, as Thanos takes them: none with `dedup=false`, the setting's where nothing is said.
pub(super) fn replica_labels(form: &Form) -> Read<Option<Arc<[String]>>> {
    if !flag(form, "dedup")? {
        return Ok(Some(Arc::new([])));
    }
    let labels: Arc<[String]> = form.all("replicaLabels[]").map(str::to_owned).collect();
    Ok((!labels.is_empty()).then_some(labels))
}

/// What the answer is to tell: anything asks for sums.
fn stats(form: &Form) -> StatsDetail {
    match form.get("stats") {
        "" => StatsDetail::None,
        "all" => StatsDetail::PerStep,
        _ => StatsDetail::Totals,
    }
}

/// What is wrong with how statistics are asked for.
pub(super) fn stats_warning(form: &Form) -> Option<String> {
    let text = form.get("stats");
    let is_known = ["", "true", "all"].contains(&text);
    (!is_known).then(|| {
        let text = quote(text);
        format!(
            "value {text} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \
             \"true\" or \"all\""
        )
    })
}

fn invalid(name: &str, why: &str) -> Refusal {
    Refusal::bad(format!("invalid parameter \"{name}\": {why}"))
}

/// `11,000`
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

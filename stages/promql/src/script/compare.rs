//! Whether an answer is the expected one.
//!
//! Numbers may differ by a millionth of their sum. Histograms are compared without empty buckets, and by their hint of
//! resets only where the script spells one.
//!
//! Source: `compareResult` of `promql/promqltest/test.go`, `util/almost/almost.go`.

use std::collections::{BTreeMap, BTreeSet};

use weir_pipeline::histogram::Buckets;
use weir_pipeline::{Data, Histogram, LabelSet, Points, Value, is_stale};

use super::chunk::indexed;
use super::literal::format_histogram;
use super::{Eval, ExpectedSeries, Item, Steps, When};
use crate::annotations::go_float;
use crate::functions::quantile;

/// How much numbers may differ, relative to their sum.
const EPSILON: f64 = 1e-6;

/// What was expected, and what came instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// What a comparison tells.
pub type Compared = Result<(), Mismatch>;

/// Whether two numbers are the same, but for rounding. A mark of staleness is like no other NaN.
pub fn almost_equal(a: f64, b: f64) -> bool {
    match (is_stale(a), is_stale(b)) {
        (false, false) => quantile::almost_equal(a, b, EPSILON),
        (a, b) => a == b,
    }
}

/// Whether two histograms are the same, but for rounding and empty buckets; their hints only with `hinted`.
pub fn histograms_equal(expected: &Histogram, got: &Histogram, hinted: bool) -> bool {
    let custom = !expected.has_custom_buckets() || expected.custom == got.custom;
    expected.schema == got.schema
        && almost_equal(expected.count, got.count)
        && almost_equal(expected.sum, got.sum)
        && custom
        && expected.zero_threshold == got.zero_threshold
        && almost_equal(expected.zero_count, got.zero_count)
        && buckets_equal(&expected.negative, &got.negative)
        && buckets_equal(&expected.positive, &got.positive)
        && (!hinted || expected.reset == got.reset)
}

fn buckets_equal(expected: &Buckets, got: &Buckets) -> bool {
    let full = |buckets| indexed(buckets).filter(|(_, count)| *count != 0.0);
    let (expected, got): (Vec<_>, Vec<_>) = (full(expected).collect(), full(got).collect());
    expected.len() == got.len() && expected.iter().zip(&got).all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1))
}

/// Whether a value is the expected one.
pub fn values_equal(expected: &Item, got: &Value) -> bool {
    let hinted = expected.hinted;
    match (&expected.value, got) {
        (Value::Float(expected), Value::Float(got)) => almost_equal(*expected, *got),
        (Value::Histogram(expected), Value::Histogram(got)) => histograms_equal(expected, got, hinted),
        _ => false,
    }
}

/// Whether the data of an answer is what the script expects.
///
/// # Errors
/// It is not.
pub fn data(eval: &Eval, data: &Data) -> Compared {
    let expected = &eval.expect.value;
    match data {
        Data::Scalar(_, got) => match expected.scalar {
            Some(scalar) if almost_equal(scalar, *got) => Ok(()),
            Some(scalar) => differ(format!("scalar {}", go_float(scalar)), format!("scalar {}", go_float(*got))),
            None => differ("a vector or a matrix", format!("scalar {}", go_float(*got))),
        },
        Data::String(_, got) => match &expected.string {
            Some(string) if string == got => Ok(()),
            Some(string) => differ(format!("string {string:?}"), format!("string {got:?}")),
            None => differ("no string", format!("string {got:?}")),
        },
        Data::Vector(_) | Data::Matrix(_) if expected.scalar.is_some() || expected.string.is_some() => {
            differ("a scalar or a string", "series")
        }
        Data::Vector(got) => vector(eval, got),
        Data::Matrix(got) => matrix(eval, got),
        Data::Series(_) | Data::Names(_) | Data::Exemplars(_) | Data::Samples(_) | Data::Rows(_) => {
            differ("the answer to a query", "something else")
        }
    }
}

fn vector(eval: &Eval, got: &[(LabelSet, i64, Value)]) -> Compared {
    let expected = by_labels(eval);
    let mut seen = BTreeSet::new();
    for (place, (labels, _, value)) in got.iter().enumerate() {
        let Some(series) = expected.get(labels) else {
            return differ(format!("no series {labels}"), format_value(value));
        };
        if eval.expect.ordered && series.place != place {
            return differ(format!("{labels} in place {}", series.place + 1), format!("it in place {}", place + 1));
        }
        // A gap stands for 0, as in Prometheus.
        let zero = Item::from(0.0);
        let item = series.values.first().and_then(Option::as_ref).unwrap_or(&zero);
        if !values_equal(item, value) {
            return differ(format!("{labels} {item}"), format_value(value));
        }
        seen.insert(labels);
    }
    complete(eval, &seen)
}

fn matrix(eval: &Eval, got: &[(LabelSet, Points)]) -> Compared {
    if eval.expect.ordered {
        return differ("a vector in order", "a matrix");
    }
    sorted(got)?;
    let steps = match (eval.expect.value.matrix, eval.when) {
        (Some(steps), _) | (None, When::Range(steps)) => steps,
        (None, When::Instant(time)) => Steps { start: time, end: time, step: 0 },
    };
    let expected = by_labels(eval);
    let mut seen = BTreeSet::new();
    for (labels, points) in got {
        let Some(series) = expected.get(labels) else {
            return differ(format!("no series {labels}"), format_points(points));
        };
        points_equal(series, steps, points)?;
        seen.insert(labels);
    }
    complete(eval, &seen)
}

/// Whether a matrix is in the order of labels.
pub(super) fn sorted(got: &[(LabelSet, Points)]) -> Compared {
    let wrong = got.windows(2).find_map(|pair| match pair {
        [one, two] if one.0 > two.0 => Some((&one.0, &two.0)),
        _ => None,
    });
    match wrong {
        Some((one, two)) => differ("series in the order of their labels", format!("{one} before {two}")),
        None => Ok(()),
    }
}

fn points_equal(series: &ExpectedSeries, steps: Steps, got: &Points) -> Compared {
    let (mut time, mut expected) = (steps.start, Vec::new());
    for item in &series.values {
        if time > steps.end {
            let at_most = format!("at most the steps of the query, for {}", series.labels);
            return differ(at_most, format!("{} values in the script", series.values.len()));
        }
        expected.extend(item.as_ref().map(|item| (time, item)));
        time = time.saturating_add(steps.step);
    }
    let floats = got.floats.iter().map(|(time, float)| (*time, Value::Float(*float)));
    let histograms = got.histograms.iter().map(|(time, histogram)| (*time, Value::Histogram(histogram.clone())));
    let is_float = |(_, item): &&(i64, &Item)| item.value.float().is_some();
    let (expected_floats, expected_histograms): (Vec<_>, Vec<_>) = expected.iter().partition(is_float);
    let same = |expected: &[&(i64, &Item)], got: &mut dyn Iterator<Item = (i64, Value)>| {
        let first = expected.iter().find(|(time, item)| {
            !got.next().is_some_and(|(other, value)| other == *time && values_equal(item, &value))
        });
        (first.map(|(time, _)| *time), got.next().is_some())
    };
    let all = format!("{} {}", series.labels, format_items(&expected));
    for (expected, got_points) in [
        (&expected_floats, &mut floats.into_iter() as &mut dyn Iterator<Item = (i64, Value)>),
        (&expected_histograms, &mut histograms.into_iter()),
    ] {
        match same(expected, got_points) {
            (None, false) => {}
            (Some(time), _) => return differ(all, format!("{}, which differs at {time}", format_points(got))),
            (None, true) => return differ(all, format!("{}, which has more points", format_points(got))),
        }
    }
    Ok(())
}

/// The expected series by their labels.
fn by_labels(eval: &Eval) -> BTreeMap<&LabelSet, &ExpectedSeries> {
    eval.expect.value.series.iter().map(|series| (&series.labels, series)).collect()
}

/// Whether all expected series were there.
fn complete(eval: &Eval, seen: &BTreeSet<&LabelSet>) -> Compared {
    match eval.expect.value.series.iter().find(|series| !seen.contains(&series.labels)) {
        Some(series) => {
            let values: Vec<_> =
                series.values.iter().map(|item| item.as_ref().map_or("_".into(), Item::to_string)).collect();
            differ(format!("{} {}", series.labels, values.join(" ")), "no such series")
        }
        None => Ok(()),
    }
}

pub(super) fn differ<T>(expected: impl Into<String>, got: impl Into<String>) -> Result<T, Mismatch> {
    Err(Mismatch { expected: expected.into(), got: got.into() })
}

/// A value as scripts write it.
pub fn format_value(value: &Value) -> String {
    match value {
        Value::Float(float) if is_stale(*float) => "stale".to_owned(),
        Value::Float(float) => go_float(*float),
        Value::Histogram(histogram) => format_histogram(histogram),
    }
}

/// How many points of a series a message shows.
const SHOWN: usize = 40;

fn format_items(items: &[(i64, &Item)]) -> String {
    join(items.iter().map(|(time, item)| format!("{item}@{time}")))
}

fn format_points(points: &Points) -> String {
    let floats = points.floats.iter().map(|(time, float)| format!("{}@{time}", format_value(&Value::Float(*float))));
    let histograms = points.histograms.iter().map(|(time, of)| format!("{}@{time}", format_histogram(of)));
    join(floats.chain(histograms))
}

fn join(points: impl Iterator<Item = String>) -> String {
    let mut points: Vec<_> = points.take(SHOWN + 1).collect();
    if points.len() > SHOWN {
        points.truncate(SHOWN);
        points.push("…".to_owned());
    }
    if points.is_empty() { "no points".to_owned() } else { points.join(" ") }
}

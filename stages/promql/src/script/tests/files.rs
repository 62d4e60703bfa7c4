//! Prometheus' own scripts.

use async_trait::async_trait;
use weir_pipeline::{Answer, Data, Error, Points, Result, Value};

use super::*;
use crate::syntax::ast::{At, ExprKind, Selector, Shift};

/// The scripts beside the repository, with their names; nothing where they are not there.
pub(super) fn scripts() -> Vec<(String, String)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest");
    let Ok(files) = std::fs::read_dir(dir) else {
        println!("skipped: {dir} is not there");
        return Vec::new();
    };
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "test"));
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut scripts: Vec<_> = paths.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect();
    scripts.sort();
    scripts
}

#[test]
fn every_script_of_prometheus_is_read_and_loaded() {
    let scripts = scripts();
    if scripts.is_empty() {
        return;
    }
    let (mut loads, mut clears, mut evals, mut refused, mut items, mut histograms) = (0, 0, 0, 0, 0, 0);
    for (name, text) in &scripts {
        let mut storage = Storage::default();
        for command in parse(text).unwrap_or_else(|error| panic!("{name}: {error}")) {
            match command.kind {
                CommandKind::Clear => {
                    storage.clear();
                    clears += 1;
                }
                CommandKind::Load(load) => {
                    storage.load(&load).unwrap_or_else(|error| panic!("{name}:{}: {error}", command.line));
                    loads += 1;
                }
                CommandKind::Eval(eval) => {
                    evals += 1;
                    refused += usize::from(eval.tree.is_err());
                    let values = eval.expect.value.series.iter().flat_map(|series| series.values.iter().flatten());
                    for item in values {
                        items += 1;
                        histograms += usize::from(item.float().is_none());
                    }
                }
            }
        }
    }
    println!("{items} values expected, of which {histograms} histograms");
    assert_eq!((loads, clears, evals, refused), (310, 231, 1650, 2));
}

/// An engine that knows plain selectors and nothing else.
#[derive(Default)]
struct Selectors(Vec<StoredSeries>);

/// How far back a selector looks.
const LOOKBACK: i64 = 300_000;

impl Selectors {
    /// The last value of a series at a time.
    fn value(series: &StoredSeries, time: i64) -> Option<Value> {
        let floats = series.floats.iter().map(|(at, _, float)| (*at, Value::Float(*float)));
        let points = series.histograms.iter();
        let histograms = points.map(|point| (point.timestamp, Value::Histogram(point.histogram.clone())));
        let seen = floats.chain(histograms).filter(|(at, _)| (time - LOOKBACK + 1..=time).contains(at));
        let (_, value) = seen.max_by_key(|(at, _)| *at)?;
        let is_stale = match &value {
            Value::Float(float) => weir_pipeline::is_stale(*float),
            Value::Histogram(histogram) => histogram.is_stale(),
        };
        (!is_stale).then_some(value)
    }

    fn select(&self, expr: &str, steps: Steps) -> Result<Vec<(LabelSet, Points)>> {
        let ExprKind::Selector(Selector { matchers, shift, extension: None }) = crate::syntax::parse(expr)?.kind else {
            return Err(Error::unprocessable("not supported"));
        };
        let at = match shift {
            Shift { offset: None, at: None } => None,
            Shift { offset: None, at: Some(At::Time(time)) } => Some(time),
            _ => return Err(Error::unprocessable("not supported")),
        };
        let mut out = Vec::new();
        for series in &self.0 {
            let labels = series.labels.as_labels();
            if !matchers.iter().all(|matcher| matcher.selects(labels)) {
                continue;
            }
            let (mut points, mut time) = (Points::default(), steps.start);
            while time <= steps.end {
                if let Some(value) = Self::value(series, at.unwrap_or(time)) {
                    points.push(time, value);
                }
                time += steps.step.max(1);
            }
            if !points.is_empty() {
                out.push((series.labels.clone(), points));
            }
        }
        out.sort_by(|one, two| one.0.cmp(&two.0));
        Ok(out)
    }
}

#[async_trait]
impl Subject for Selectors {
    async fn load(&mut self, series: &[StoredSeries]) {
        self.0 = series.to_vec();
    }

    async fn instant(&self, expr: &str, time: i64) -> Result<Answer> {
        let selected = self.select(expr, Steps { start: time, end: time, step: 0 })?;
        let value = |points: Points| match points.floats.first() {
            Some((_, float)) => Value::Float(*float),
            None => Value::Histogram(points.histograms[0].1.clone()),
        };
        Ok(Data::Vector(selected.into_iter().map(|(labels, points)| (labels, time, value(points))).collect()).into())
    }

    async fn range(&self, expr: &str, start: i64, end: i64, step: i64) -> Result<Answer> {
        Ok(Data::Matrix(self.select(expr, Steps { start, end, step })?).into())
    }
}

#[tokio::test]
async fn what_is_stored_reads_as_the_scripts_of_prometheus_say() {
    let mut report = Report::default();
    for (name, text) in &scripts() {
        report.merge(run(name, text, &mut Selectors::default()).await);
    }
    let is_known = |failure: &&Failure| !failure.mismatch.got.contains("`not supported`");
    let wrong: Vec<_> = report.failures.iter().filter(is_known).map(ToString::to_string).collect();
    println!("{report}, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

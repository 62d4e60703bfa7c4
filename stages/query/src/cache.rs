//! `cache`: keeps results of range queries, and computes of the next query only the steps that are new, or may have changed.
//!
//! ```yaml
//! cache: { memory: 64MiB }
//! ```
//!
//! Shape: a range query that was asked before, with the same step and at the same times modulo it, is answered from what is kept, and
//! the rest of the pipeline is asked for the steps before and after. What it answers is what the rest would: each time it asks
//! what has changed since (samples that came late, blocks of others in the bucket), and gives no step again that could read
//! any of that. Where the rest can't tell that, as a cluster of which too few members answer,
//! or a bucket that is away, everything goes on untouched.
//!
//! Kept are results of PromQL over ranges without warnings and infos, of at most a quarter of `memory`; what was asked least
//! recently goes first. Not kept: queries with `@`, with durations that depend on the query (`step()`, `range()`) or with
//! `smoothed`, those that ask for `stats`, and those that ask to be computed anew (`Cache-Control: no-store`, or `nocache=1`).
//!
//! Errors: those of the rest.
//!
//! Order: above the sink that answers. Ready when the rest is.
//!
//! Source: the cache of Thanos' query frontend, which gives wrong answers where samples come late; that of VictoriaMetrics.

mod extent;
mod reach;
mod results;
mod steps;
mod telemetry;

use std::sync::Arc;

use futures_util::future::try_join_all;
use serde::Deserialize;
use weir_pipeline::units::Bytes;
use weir_pipeline::{
    Answer, Ask, Changes, Context, Data, LabelSet, Next, Points, Query, Read, Result, Stage, StatsDetail,
};

use crate::engine::truncate;
use crate::syntax;
use extent::{Extent, join, within};
use results::{Key, Results};
use steps::Steps;
use telemetry::{Telemetry, Use};

/// The stage's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// What kept results may take in memory; default 64MiB.
    #[serde(default = "memory")]
    pub memory: Bytes,
}

/// A query whose result may be kept.
struct Wanted {
    key: Key,
    expr: Arc<str>,
    steps: Steps,
    /// How far after a step it reads, in milliseconds.
    reach: i64,
}

/// Series in the order of their labels.
type Matrix = Vec<(LabelSet, Points)>;

fn memory() -> Bytes {
    Bytes::mib(64)
}

// === impl Cache ===

impl Stage<Read> for Cache {
    const NAME: &'static str = "cache";

    fn wrap(self, context: &Context, next: Next<Read>) -> Result<Next<Read>> {
        let results = Arc::new(Results::new(self.memory.get(), Telemetry::new(context)));
        Ok(next.behind(move |query, next| answer(results.clone(), query, next)))
    }
}

async fn answer(results: Arc<Results>, query: Query, next: Next<Read>) -> Result<Answer> {
    let Some(wanted) = Wanted::of(&query) else {
        if matches!(query.ask, Ask::Range { .. }) {
            results.telemetry.count(Use::Bypass);
        }
        return next.pass(query).await;
    };
    let kept = results.get(&wanted.key);
    let rest = next.clone();
    let since = kept.as_ref().map(|kept| kept.number);
    let asked = next.pass(Query::new(query.tenant.clone(), Ask::Changes { since })).await;
    let Ok(Answer { data: Data::Changes(Some(changes)), .. }) = asked else {
        results.telemetry.count(Use::Bypass);
        return rest.send(query).await;
    };
    let kept = kept.and_then(|kept| {
        let steps = kept.steps.until(changes.lowest.saturating_sub(wanted.reach).saturating_sub(1))?;
        steps.meets(wanted.steps).then_some((kept, steps))
    });
    let limit = query.limit;
    let mut answer = complete(&results, &query, wanted, kept, changes, rest).await?;
    truncate(&mut answer, limit);
    Ok(answer)
}

/// The answer of what is kept, as far as its `steps` go, and of what is computed of the rest.
async fn complete(
    results: &Results,
    query: &Query,
    wanted: Wanted,
    kept: Option<(Arc<Extent>, Steps)>,
    changes: Changes,
    rest: Next<Read>,
) -> Result<Answer> {
    let missing = match &kept {
        Some((_, steps)) => wanted.steps.without(*steps),
        None => vec![wanted.steps],
    };
    let how = match &kept {
        None => Use::Miss,
        Some(_) if missing.is_empty() => Use::Hit,
        Some(_) => Use::Partial,
    };
    results.telemetry.count(how);
    if let (Some((kept, _)), true) = (&kept, missing.is_empty()) {
        return Ok(Data::Matrix(within(&kept.series, wanted.steps)).into());
    }
    let ask = |steps: Steps| {
        let (expr, Steps { first, last, step }) = (wanted.expr.clone(), steps);
        let ask = Ask::Range { expr, start: first, end: last, step };
        rest.send(Query { ask, limit: 0, ..query.clone() })
    };
    let mut answers = try_join_all(missing.iter().copied().map(ask)).await?;
    let (mut warnings, mut infos) = (Vec::new(), Vec::new());
    let mut parts: Vec<(i64, Matrix)> = Vec::new();
    for (steps, answer) in missing.iter().zip(&mut answers) {
        warnings.append(&mut answer.warnings);
        infos.append(&mut answer.infos);
        match std::mem::replace(&mut answer.data, Data::Names(Vec::new())) {
            Data::Matrix(series) => parts.push((steps.first, series)),
            // What is not kept has come as a whole.
            other => return Ok(Answer { data: other, warnings, infos, stats: None }),
        }
    }
    for notes in [&mut warnings, &mut infos] {
        notes.sort();
        notes.dedup();
    }
    let all = match &kept {
        Some((_, steps)) => wanted.steps.and(*steps),
        None => wanted.steps,
    };
    if let Some((kept, steps)) = kept {
        parts.push((steps.first, within(&kept.series, steps)));
    }
    parts.sort_by_key(|(first, _)| *first);
    let series = parts.into_iter().map(|(_, series)| series).reduce(join).unwrap_or_default();
    let data = Data::Matrix(within(&series, wanted.steps));
    if warnings.is_empty() && infos.is_empty() {
        // A range that moves on leaves behind what it has passed.
        let (steps, series) = match all.count() <= wanted.steps.count().saturating_mul(2) {
            true => (all, series),
            false => (wanted.steps, within(&series, wanted.steps)),
        };
        results.keep(wanted.key, Extent { number: changes.number, steps, series });
    }
    Ok(Answer { data, warnings, infos, stats: None })
}

// === impl Wanted ===

impl Wanted {
    fn of(query: &Query) -> Option<Self> {
        let Ask::Range { expr, start, end, step } = &query.ask else { return None };
        if query.anew || query.stats != StatsDetail::None {
            return None;
        }
        let steps = Steps::new(*start, *end, *step)?;
        let reach = reach::reach(&syntax::parse(expr).ok()?)?;
        let key = Key {
            tenant: query.tenant.clone(),
            expr: expr.clone(),
            step: *step,
            phase: start.rem_euclid(*step),
            lookback: query.lookback,
            replica_labels: query.replica_labels.clone(),
        };
        Some(Self { key, expr: expr.clone(), steps, reach })
    }
}

#[cfg(test)]
mod tests;

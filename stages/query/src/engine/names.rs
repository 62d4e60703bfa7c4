//! Series, label names and label values, questions about labels alone; exemplars, and what else needs no PromQL.

use std::collections::{BTreeMap, BTreeSet};

use weir_pipeline::{Answer, Ask, Data, Error, Exemplar, LabelSet, Labels, Matcher, Query, Result, SeriesExemplars};

use super::samples::{self, Asked};
use crate::exec::pace::Pace;
use crate::exec::source::{Known, MetricsSource, Wanted, warnings};

/// After how many series to look whether the turn is over.
const LOOK: usize = 256;

/// The least of what was found: as many as are asked for, and one that says that there are more.
#[derive(Debug)]
struct Least<T> {
    found: BTreeSet<T>,
    room: usize,
}

/// Answers a question that is no PromQL. One for samples may find `max_series`.
pub(super) async fn answer(source: &dyn MetricsSource, query: &Query, max_series: usize) -> Result<Answer> {
    let limit = query.limit;
    let (data, warnings) = match &query.ask {
        Ask::Series { selectors, start, end } => {
            let mut found: Least<LabelSet> = Least::new(limit);
            let add = |labels: Labels<'_>| found.add(labels.to_set());
            let warnings = each(source, query, selectors, (*start, *end), add).await?;
            (Data::Series(found.into_vec()), warnings)
        }
        Ask::LabelNames { selectors, start, end } => {
            let mut found: Least<String> = Least::new(limit);
            let add = |labels: Labels<'_>| labels.iter().for_each(|(name, _)| found.add_str(name));
            let warnings = each(source, query, &any(selectors), (*start, *end), add).await?;
            (Data::Names(found.into_vec()), warnings)
        }
        Ask::LabelValues { name, selectors, start, end } => {
            let mut found: Least<String> = Least::new(limit);
            let add = |labels: Labels<'_>| labels.get(name).into_iter().for_each(|value| found.add_str(value));
            let warnings = each(source, query, &any(selectors), (*start, *end), add).await?;
            (Data::Names(found.into_vec()), warnings)
        }
        Ask::Exemplars { selectors, start, end, .. } => exemplars(source, query, selectors, (*start, *end)).await?,
        Ask::Samples { matchers, start, end, labels_only, .. } => {
            let (start, end, labels_only) = (*start, *end, *labels_only);
            return samples::answer(source, query, Asked { matchers, start, end, labels_only, max_series }).await;
        }
        Ask::Metadata { metric, .. } => {
            let Known { found, missing } = source.metadata(&query.tenant, metric.as_deref()).await?;
            (Data::Metadata(found), warnings(missing, query.partial)?.into_iter().collect())
        }
        Ask::Cardinality { limit } => match source.cardinality(&query.tenant, *limit).await? {
            Some(Known { found, missing }) => {
                (Data::Cardinality(found), warnings(missing, query.partial)?.into_iter().collect())
            }
            None => return Err(Error::unprocessable("expected a store or a cluster: what is read here does not tell")),
        },
        Ask::Tenants { only } => match source.tenants(only.as_ref()).await? {
            Some(Known { found, missing }) => {
                (Data::Tenants(found), warnings(missing, query.partial)?.into_iter().collect())
            }
            None => return Err(here()),
        },
        Ask::DeleteTenant { tenant } => match source.delete_tenant(tenant).await? {
            Some(was) => (Data::Tenants(vec![was]), Vec::new()),
            None => return Err(here()),
        },
        Ask::Changes { since } => (Data::Changes(source.changes(&query.tenant, *since).await?), Vec::new()),
        Ask::Sql { .. } => return Err(Error::unprocessable("expected a question about labels or an expression")),
        Ask::Instant { .. } | Ask::Range { .. } => (Data::Names(Vec::new()), Vec::new()),
    };
    Ok(Answer { warnings, ..data.into() })
}

/// What a source answers that keeps nothing of tenants.
fn here() -> Error {
    Error::unprocessable("expected a store or a cluster: what is read here does not tell of tenants")
}

/// The exemplars of all series that match one of the selectors, and warnings. What several match comes once.
async fn exemplars(
    source: &dyn MetricsSource,
    query: &Query,
    selectors: &[Vec<Matcher>],
    (start, end): (i64, i64),
) -> Result<(Data, Vec<String>)> {
    let (mut found, mut told) = (BTreeMap::new(), BTreeSet::new());
    for matchers in selectors {
        let Query { tenant, partial, .. } = query;
        let wanted = Wanted { tenant, matchers, start, end, labels_only: false, partial: *partial };
        let Known { found: some, missing } = source.exemplars(wanted).await?;
        told.extend(warnings(missing, *partial)?);
        let some = some.into_iter().filter(|series| !series.exemplars.is_empty());
        found.extend(some.map(|series| (series.series, series.exemplars)));
    }
    let of_series = |(series, mut exemplars): (LabelSet, Vec<Exemplar>)| {
        exemplars.sort_by_key(|exemplar| exemplar.timestamp);
        SeriesExemplars { series, exemplars }
    };
    Ok((Data::Exemplars(found.into_iter().map(of_series).collect()), told.into_iter().collect()))
}

/// No selector stands for all series.
fn any(selectors: &[Vec<Matcher>]) -> Vec<Vec<Matcher>> {
    if selectors.is_empty() { vec![Vec::new()] } else { selectors.to_vec() }
}

async fn each(
    source: &dyn MetricsSource,
    query: &Query,
    selectors: &[Vec<Matcher>],
    (start, end): (i64, i64),
    mut f: impl FnMut(Labels<'_>),
) -> Result<Vec<String>> {
    let mut warnings = BTreeSet::new();
    for matchers in selectors {
        let Query { tenant, partial, .. } = query;
        let wanted = Wanted { tenant, matchers, start, end, labels_only: true, partial: *partial };
        let selected = source.select(wanted).await?;
        warnings.extend(selected.warnings());
        let mut pace = Pace::new();
        for series in 0..selected.len() {
            f(selected.labels(series));
            if series % LOOK == 0 {
                pace.rest().await;
            }
        }
    }
    Ok(warnings.into_iter().collect())
}

// === impl Least ===

impl<T: Ord> Least<T> {
    /// Nothing yet, of which `limit` are asked for; 0 for all.
    fn new(limit: usize) -> Self {
        let room = if limit == 0 { usize::MAX } else { limit.saturating_add(1) };
        Self { found: BTreeSet::new(), room }
    }

    fn add(&mut self, item: T) {
        if self.found.len() >= self.room && self.found.last().is_some_and(|last| *last <= item) {
            return;
        }
        self.found.insert(item);
        if self.found.len() > self.room {
            self.found.pop_last();
        }
    }

    fn into_vec(self) -> Vec<T> {
        self.found.into_iter().collect()
    }
}

impl Least<String> {
    /// Adds a text that may be there already.
    fn add_str(&mut self, text: &str) {
        if !self.found.contains(text) {
            self.add(text.to_owned());
        }
    }
}

//! Series, label names and label values: questions about labels alone.

use std::collections::BTreeSet;

use weir_pipeline::{Answer, Ask, Data, Error, LabelSet, Labels, Matcher, Query, Result};

use crate::exec::pace::Pace;
use crate::exec::source::{MetricsSource, Wanted};

/// After how many series to look whether the turn is over.
const LOOK: usize = 256;

/// Answers a question about labels.
pub(super) async fn answer(source: &dyn MetricsSource, query: &Query) -> Result<Answer> {
    let mut warnings = Vec::new();
    let data = match &query.ask {
        Ask::Series { selectors, start, end } => {
            let mut found: BTreeSet<LabelSet> = BTreeSet::new();
            warnings = each(source, query, selectors, (*start, *end), |labels| {
                found.insert(labels.to_set());
            })
            .await?;
            Data::Series(found.into_iter().collect())
        }
        Ask::LabelNames { selectors, start, end } => {
            let mut found: BTreeSet<String> = BTreeSet::new();
            warnings = each(source, query, &any(selectors), (*start, *end), |labels| {
                for (name, _) in labels {
                    if !found.contains(name) {
                        found.insert(name.to_owned());
                    }
                }
            })
            .await?;
            Data::Names(found.into_iter().collect())
        }
        Ask::LabelValues { name, selectors, start, end } => {
            let mut found: BTreeSet<String> = BTreeSet::new();
            warnings = each(source, query, &any(selectors), (*start, *end), |labels| {
                if let Some(value) = labels.get(name).filter(|value| !found.contains(*value)) {
                    found.insert(value.to_owned());
                }
            })
            .await?;
            Data::Names(found.into_iter().collect())
        }
        Ask::Samples { .. } => return Err(Error::unprocessable("expected a question about labels or an expression")),
        Ask::Instant { .. } | Ask::Range { .. } => Data::Names(Vec::new()),
    };
    Ok(Answer { data, warnings, infos: Vec::new() })
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

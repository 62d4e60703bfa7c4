//! The metrics of a tenant as tables.
//!
//! Shape: what a query names is looked up before it is planned: the labels of the series of each metric, as far back as
//! there are any. A query about tables (`information_schema`, `SHOW TABLES`) has all metrics looked up, in one
//! selection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::TableType;
use weir_pipeline::labels::METRIC;
use weir_pipeline::{MatchOp, Matcher};

use super::columns::Columns;
use super::filter::{FROM, UNTIL};
use super::statement::Named;
use super::table::Metric;
use crate::exec::context::{QueryContext, to_datafusion};
use crate::exec::pace::Pace;
use crate::exec::source::Wanted;

/// The schema in which metrics are tables.
pub(crate) const SCHEMA: &str = "metrics";

/// After how many series to look whether the turn is over.
const LOOK: usize = 256;

/// The metrics that a query names, as tables.
#[derive(Debug, Default)]
pub(crate) struct Metrics(BTreeMap<String, Arc<Metric>>);

// === impl Metrics ===

impl Metrics {
    /// Looks up what is `named`. Series that differ in `replica_labels` only are one.
    ///
    /// # Errors
    /// The source can't be read, or has more series than the query may find.
    pub(crate) async fn look_up(query: &QueryContext, named: &Named, replica_labels: &[String]) -> Result<Self> {
        let mut found = BTreeMap::new();
        match named {
            Named::All => {
                // Series without a name belong to no table.
                let named = Matcher::new(METRIC, MatchOp::NotEqual, "").into_iter().collect::<Vec<_>>();
                collect(query, &named, &mut found).await?;
            }
            Named::Metrics(names) => {
                for name in names {
                    collect(query, &[Matcher::equal(METRIC, name)], &mut found).await?;
                }
            }
        }
        let table = |(name, Seen { mut labels, histograms }): (String, Seen)| {
            labels.retain(|label| !replica_labels.contains(label));
            let (columns, replica_labels) = (Columns::new(labels, histograms), replica_labels.to_vec());
            (name.clone(), Arc::new(Metric { name, columns, replica_labels }))
        };
        Ok(Self(found.into_iter().map(table).collect()))
    }
}

/// What the series of a metric have.
#[derive(Default)]
struct Seen {
    labels: BTreeSet<String>,
    histograms: bool,
}

/// Collects what the metrics that match have.
async fn collect(query: &QueryContext, matchers: &[Matcher], found: &mut BTreeMap<String, Seen>) -> Result<()> {
    let QueryContext { tenant, partial, .. } = query;
    let wanted = Wanted { tenant, matchers, start: FROM, end: UNTIL, labels_only: true, partial: *partial };
    let selected = query.source.select(wanted).await.map_err(to_datafusion)?;
    query.incomplete(&*selected);
    query.check_series(selected.len())?;
    let mut pace = Pace::new();
    for series in 0..selected.len() {
        let labels = selected.labels(series);
        let name = labels.metric();
        if !found.contains_key(name) {
            found.insert(name.to_owned(), Seen::default());
        }
        if let Some(Seen { labels: own, histograms }) = found.get_mut(name) {
            *histograms |= selected.has_histograms(series);
            for (label, _) in labels.iter().filter(|(label, _)| *label != METRIC) {
                if !own.contains(label) {
                    own.insert(label.to_owned());
                }
            }
        }
        if series % LOOK == 0 {
            pace.rest().await;
        }
    }
    Ok(())
}

#[async_trait]
impl SchemaProvider for Metrics {
    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.0.get(name).map(|metric| metric.clone() as Arc<dyn TableProvider>))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

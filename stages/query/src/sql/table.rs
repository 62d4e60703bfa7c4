//! A metric as a table.
//!
//! Shape: a scan selects the series of the metric that match the filters on labels and may have samples in the span of
//! the filters on time, unites their runs, and makes rows of them, partition by partition. What filters can't be
//! brought to conditions on labels and times stay with DataFusion.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use weir_pipeline::Matcher;
use weir_pipeline::labels::METRIC;

use super::columns::Columns;
use super::filter::{self, Wish};
use super::rows::Rows;
use crate::exec::dedup::Dedup;
use crate::exec::merge::SeriesMerge;
use crate::exec::samples;
use crate::exec::scan::Scan;
use crate::exec::spec::Spec;

/// A metric as a table.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    /// Its name.
    pub(super) name: String,
    /// Its columns.
    pub(super) columns: Columns,
    /// The labels in which replicas of one scraper differ. They are no columns: the series of replicas are one.
    pub(super) replica_labels: Vec<String>,
}

#[async_trait]
impl TableProvider for Metric {
    fn schema(&self) -> SchemaRef {
        self.columns.schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| match filter::wish(filter, &self.columns) {
            Some(Wish { exact: true, .. }) => TableProviderFilterPushDown::Exact,
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (matchers, start, end) = filter::selection(filters, &self.columns);
        let (mut columns, mut schema) = (self.columns.all(), self.schema());
        if let Some(projection) = projection {
            columns = projection.iter().filter_map(|index| columns.get(*index).cloned()).collect();
            schema = Arc::new(schema.project(projection)?);
        }
        if start > end {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let matchers = std::iter::once(Matcher::equal(METRIC, &self.name)).chain(matchers).collect();
        let partitions = session.config().target_partitions();
        let samples = samples::schema();
        let scan = Arc::new(Scan { matchers, start, end, labels: None, shared: false, lasts: None }).exec(
            samples.clone(),
            Vec::new(),
            partitions,
        );
        let mut plan = Arc::new(SeriesMerge).exec(samples.clone(), vec![scan], partitions);
        if !self.replica_labels.is_empty() {
            let dedup = Dedup { labels: self.replica_labels.clone(), counters: false };
            plan = Arc::new(dedup).exec(samples, vec![plan], partitions);
        }
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Arc::new(Rows { columns, names, start, end }).exec(schema, vec![plan], partitions))
    }
}

#[cfg(test)]
mod tests;

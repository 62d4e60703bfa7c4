//! A store as a source of series, and what any source found whose answer may be partial.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use weir_blocks::{Selection, Store};
use weir_pipeline::batch::Metadata;
use weir_pipeline::query::TenantUsage;
use weir_pipeline::{Cardinality, Changes, Error, Labels, Result, SeriesExemplars, SeriesId, Tenant};

use super::{Known, Lasts, MetricsSource, Run, Selected, Wanted};

/// The series of a store.
#[derive(Clone)]
pub(crate) struct Stored(Store);

/// What was found, and what of it is missing.
pub(crate) struct Found {
    selection: Selection,
    partial: bool,
    warnings: Mutex<BTreeSet<String>>,
}

// === impl Stored ===

impl Stored {
    /// The series of `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored")
    }
}

#[async_trait]
impl MetricsSource for Stored {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { tenant, matchers, start, end, partial, .. } = wanted;
        let selection = self.0.select(tenant, matchers, start, end).await?;
        let missing = selection.missing().to_vec();
        Ok(Arc::new(Found::new(selection, missing, partial)?))
    }

    async fn exemplars(&self, wanted: Wanted<'_>) -> Result<Known<Vec<SeriesExemplars>>> {
        self.0.exemplars(wanted.tenant, wanted.matchers, wanted.start, wanted.end).await
    }

    async fn metadata(&self, tenant: &Tenant, metric: Option<&str>) -> Result<Known<Vec<Metadata>>> {
        Ok(self.0.metadata(tenant, metric).await)
    }

    async fn cardinality(&self, tenant: &Tenant, limit: usize) -> Result<Option<Known<Cardinality>>> {
        Ok(Some(self.0.cardinality(tenant, limit).await?.into()))
    }

    async fn tenants(&self, only: Option<&Tenant>) -> Result<Option<Known<Vec<TenantUsage>>>> {
        Ok(Some(self.0.usage(only).await?.into()))
    }

    async fn delete_tenant(&self, tenant: &Tenant) -> Result<Option<TenantUsage>> {
        self.0.delete(tenant).await.map(Some)
    }

    async fn changes(&self, tenant: &Tenant, since: Option<u64>) -> Result<Option<Changes>> {
        Ok(self.0.changes(tenant, since).await)
    }
}

// === impl Found ===

impl Found {
    /// What was found, where what is `missing` may be missing.
    ///
    /// # Errors
    /// Something is missing, and a `partial` answer is not wanted.
    pub(crate) fn new(selection: Selection, missing: Vec<String>, partial: bool) -> Result<Self> {
        let warnings = Mutex::new(warnings(missing, partial)?);
        Ok(Self { selection, partial, warnings })
    }
}

/// The warnings about what is missing.
///
/// # Errors
/// Something is missing, and a `partial` answer is not wanted.
pub(crate) fn warnings(missing: Vec<String>, partial: bool) -> Result<BTreeSet<String>> {
    if !partial && !missing.is_empty() {
        return Err(Error::unavailable(format!("the answer would be partial: {}", missing.join("; "))));
    }
    Ok(missing.into_iter().map(warning).collect())
}

fn warning(missing: String) -> String {
    format!("partial response: {missing}")
}

#[async_trait]
impl Selected for Found {
    fn len(&self) -> usize {
        self.selection.len()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        self.selection.labels(series)
    }

    fn has_histograms(&self, series: usize) -> bool {
        self.selection.has_histograms(series)
    }

    fn id(&self, series: usize) -> SeriesId {
        self.selection.id(series)
    }

    fn samples_estimate(&self, series: usize) -> usize {
        self.selection.samples_estimate(series)
    }

    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>> {
        self.read(series, None).await
    }

    async fn read_lasts(&self, series: Range<usize>, lasts: Lasts) -> Result<Vec<Run>> {
        self.read(series, Some(lasts)).await
    }
}

impl Found {
    async fn read(&self, series: Range<usize>, lasts: Option<Lasts>) -> Result<Vec<Run>> {
        if !self.partial {
            return self.selection.read_lasts(series, lasts).await;
        }
        let (runs, missing) = self.selection.read_some(series, lasts).await;
        if !missing.is_empty() {
            let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            warnings.extend(missing.into_iter().map(warning));
        }
        Ok(runs)
    }
}

//! What all operators of one query share.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use weir_pipeline::{Error, Tenant};

use super::counts::SampleCounts;
use super::source::{MetricsSource, Selected};
use crate::annotations::Annotations;

/// What all operators of one query share. Reaches them as an extension of the session, so that plans hold none of it.
pub(crate) struct QueryContext {
    /// Where samples come from.
    pub(crate) source: Arc<dyn MetricsSource>,
    /// Whose they are.
    pub(crate) tenant: Tenant,
    /// Whether what can be had of them is better than nothing.
    pub(crate) partial: bool,
    /// What steps see and read, where somebody asks.
    pub(crate) counts: Option<SampleCounts>,
    bounds: Bounds,
    /// Kibibytes that scans may still take to read more at once than they must.
    ahead: Arc<Semaphore>,
    samples: AtomicU64,
    annotations: Mutex<Annotations>,
    /// Whether rules that are not exact changed the plan.
    narrowed: AtomicBool,
    /// Whether an operator came to a case in which such a rule matters.
    doubted: AtomicBool,
    /// What scans share that read the same, by what they read.
    snapshots: Mutex<HashMap<String, Shared>>,
}

/// What a query may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many samples it may load.
    pub(crate) samples: u64,
    /// How many series each selector may find.
    pub(crate) series: usize,
    /// Bytes that its scans may take together to be faster, beside what they need.
    pub(crate) ahead: usize,
}

/// Something that whoever needs it first makes for all.
pub(crate) type Shared = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

// === impl QueryContext ===

impl QueryContext {
    /// The context of a query within `bounds`.
    pub(crate) fn new(source: Arc<dyn MetricsSource>, tenant: Tenant, partial: bool, bounds: Bounds) -> Self {
        Self {
            source,
            tenant,
            partial,
            counts: None,
            bounds,
            ahead: Arc::new(Semaphore::new(bounds.ahead >> 10)),
            samples: AtomicU64::new(0),
            annotations: Mutex::default(),
            narrowed: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            snapshots: Mutex::default(),
        }
    }

    /// What all scans that read the same share.
    pub(crate) fn snapshot(&self, scan: &str) -> Shared {
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots.entry(scan.to_owned()).or_default().clone()
    }

    /// Looks at how many series a selector found.
    ///
    /// # Errors
    /// They are more than it may find.
    pub(crate) fn check_series(&self, series: usize) -> Result<()> {
        let allowed = self.bounds.series;
        if series > allowed {
            let text = format!("a selector of the query finds {series} series, more than the {allowed} allowed");
            return Err(to_datafusion(Error::unprocessable(text)));
        }
        Ok(())
    }

    /// The same context, which counts what steps see.
    pub(crate) fn with_counts(self, counts: Option<SampleCounts>) -> Self {
        Self { counts, ..self }
    }

    /// How many samples were loaded.
    pub(crate) fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Counts loaded samples.
    ///
    /// # Errors
    /// They are more than the query may load.
    pub(crate) fn count_samples(&self, samples: usize) -> Result<()> {
        let before = self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        if before + samples as u64 > self.bounds.samples {
            let text = "query processing would load too many samples into memory in query execution";
            return Err(to_datafusion(Error::unprocessable(text)));
        }
        Ok(())
    }

    /// So many bytes to read more at once than must be, until they are given back: never so many that operators which hold what
    /// they have to hold find none left. `None` where other scans have them.
    pub(crate) fn read_ahead(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).ok()?;
        self.ahead.clone().try_acquire_many_owned(kib).ok()
    }

    /// Notes that a rule which is not exact changed the plan.
    pub(crate) fn narrow(&self) {
        self.narrowed.store(true, Ordering::Relaxed);
    }

    /// Notes that the answer may be another one where a rule that is not exact left something out.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Whether the answer counts only without rules that are not exact.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.narrowed.load(Ordering::Relaxed) && self.doubted.load(Ordering::Relaxed)
    }

    /// Adds to what the asker should know.
    pub(crate) fn annotate(&self, f: impl FnOnce(&mut Annotations)) {
        f(&mut self.annotations.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes what of the source can't be had.
    pub(crate) fn incomplete(&self, selected: &dyn Selected) {
        let warnings = selected.warnings();
        if !warnings.is_empty() {
            self.annotate(|notes| warnings.iter().for_each(|text| notes.incomplete(text)));
        }
    }

    /// What the asker should know.
    pub(crate) fn take_annotations(&self) -> Annotations {
        std::mem::take(&mut self.annotations.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryContext({})", self.tenant)
    }
}

/// Carries an error through DataFusion; the engine takes it out again.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

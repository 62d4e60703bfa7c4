//! Blocks in memory, that survive a crash of the file system beside them and fail where they are told to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Error, LabelSet, Labels, Matcher, Result, SeriesExemplars, Tenant};

use crate::extras::{Extras, Summary};
use crate::starts;
use crate::store::shelf::{Block, Row, Rows, Samples, Shelf};

#[derive(Default)]
pub(crate) struct MemoryShelf {
    blocks: Mutex<Vec<(Tenant, Arc<MemoryBlock>)>>,
    /// So many writes succeed before one fails; `u32::MAX` is never.
    pub(crate) fail_after: AtomicU32,
    /// Set: every write fails.
    pub(crate) out_of_order: std::sync::atomic::AtomicBool,
}

#[derive(Debug)]
pub(crate) struct MemoryBlock {
    rows: Vec<(LabelSet, Samples)>,
    range: (i64, i64),
    bytes: u64,
    id: ulid::Ulid,
    extras: Extras,
}

impl MemoryShelf {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { fail_after: AtomicU32::new(u32::MAX), ..Self::default() })
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.lock().unwrap().len()
    }
}

#[async_trait]
impl Shelf for MemoryShelf {
    fn begin(&self, _: u32) {}

    async fn write(
        &self,
        tenant: &Tenant,
        start: i64,
        end: i64,
        rows: Arc<dyn Rows>,
    ) -> Result<Option<Arc<dyn Block>>> {
        assert_eq!(start.div_euclid(86_400_000), end.div_euclid(86_400_000), "a block crosses a day");
        tokio::task::yield_now().await;
        let left = self.fail_after.load(SeqCst);
        if left == 0 || self.out_of_order.load(SeqCst) {
            self.fail_after.store(u32::MAX, SeqCst);
            return Err(Error::unavailable("the bucket is out of order"));
        }
        self.fail_after.store(left.saturating_sub(u32::from(left != u32::MAX)), SeqCst);
        let (mut out, mut extras) = (Vec::new(), Extras::NONE);
        for i in 0..rows.len() {
            let samples = rows.read(i..i + 1, start, end).await?.remove(0);
            assert!(samples.len() <= rows.samples(i));
            assert!(samples.histograms.is_empty() || rows.have_histograms());
            assert!(samples.starts.is_empty() || rows.have_starts());
            assert!(samples.starts.is_empty() || samples.starts.len() == samples.timestamps.len());
            let mut t: Vec<i64> = samples.histograms.iter().map(|point| point.timestamp).collect();
            assert!(t.is_sorted_by(|a, b| a < b) && samples.timestamps.is_sorted_by(|a, b| a < b));
            t.extend(&samples.timestamps);
            t.sort_unstable();
            assert!(t.is_sorted_by(|a, b| a < b) && t.iter().all(|t| (start..=end).contains(t)));
            if !t.is_empty() {
                out.push((rows.labels(i).to_set(), samples));
            }
            let exemplars = rows.extras().exemplars.get(&rows.id(i)).cloned().unwrap_or_default();
            assert!(exemplars.is_sorted_by(|a, b| a.timestamp <= b.timestamp));
            if !exemplars.is_empty() {
                extras.show(rows.id(i), exemplars);
            }
            rows.extras().of(rows.labels(i).metric()).into_iter().for_each(|said| extras.say(said.clone()));
        }
        assert!(out.is_sorted_by(|a, b| crate::order::compare(a.0.as_labels(), b.0.as_labels()).is_lt()));
        let times = out.iter().filter_map(|(_, samples)| samples.times());
        let Some(min) = times.clone().map(|(min, _)| min).min() else { return Ok(None) };
        let max = times.map(|(_, max)| max).max().unwrap();
        let block = Arc::new(MemoryBlock {
            bytes: (out.iter().map(|(_, samples)| samples.len() as u64).sum::<u64>() * 16),
            rows: out,
            range: (min, max),
            id: ulid::Ulid::generate(),
            extras,
        });
        self.blocks.lock().unwrap().push((tenant.clone(), block.clone()));
        Ok(Some(block))
    }

    async fn list(&self) -> Result<Vec<(Tenant, Arc<dyn Block>)>> {
        let blocks = self.blocks.lock().unwrap();
        Ok(blocks.iter().map(|(tenant, block)| (tenant.clone(), block.clone() as Arc<dyn Block>)).collect())
    }

    async fn remove(&self, _: &Tenant, block: Arc<dyn Block>) -> Result<()> {
        let gone = Arc::as_ptr(&block).cast::<()>();
        self.blocks.lock().unwrap().retain(|(_, kept)| Arc::as_ptr(kept).cast::<()>() != gone);
        Ok(())
    }
}

#[async_trait]
impl Block for MemoryBlock {
    fn id(&self) -> ulid::Ulid {
        self.id
    }

    fn min_ts(&self) -> i64 {
        self.range.0
    }

    fn max_ts(&self) -> i64 {
        self.range.1
    }

    fn samples(&self) -> u64 {
        self.rows.iter().map(|(_, samples)| samples.len() as u64).sum()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn has_histograms(&self) -> bool {
        self.rows.iter().any(|(_, samples)| !samples.histograms.is_empty())
    }

    fn has_starts(&self) -> bool {
        self.rows.iter().any(|(_, samples)| !samples.starts.is_empty())
    }

    fn extras(&self) -> Summary {
        let times = || self.extras.exemplars.values().flatten().map(|exemplar| exemplar.timestamp);
        Summary { exemplars: times().min().zip(times().max()), metrics: !self.extras.metrics.is_empty() }
    }

    async fn exemplars(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<SeriesExemplars>> {
        let fits = |labels: Labels<'_>| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or("")));
        let found = self.rows.iter().filter(|(labels, _)| fits(labels.as_labels())).filter_map(|(labels, _)| {
            let mut exemplars = self.extras.exemplars.get(&labels.as_labels().id())?.clone();
            exemplars.retain(|exemplar| (start..=end).contains(&exemplar.timestamp));
            (!exemplars.is_empty()).then(|| SeriesExemplars { series: labels.clone(), exemplars })
        });
        Ok(found.collect())
    }

    async fn metrics(&self) -> Result<Arc<[Arc<Metadata>]>> {
        Ok(self.extras.metrics.values().map(|said| Arc::new(said.clone())).collect())
    }

    async fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<Row>> {
        let fits = |labels: Labels<'_>| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or("")));
        let reaches = |samples: &Samples| {
            let histograms = samples.histograms.iter().map(|point| &point.timestamp);
            samples.timestamps.iter().chain(histograms).any(|t| (start..=end).contains(t))
        };
        let rows = self.rows.iter().zip(0..).filter(|((labels, s), _)| fits(labels.as_labels()) && reaches(s));
        let row = |((labels, samples), row): (&(LabelSet, Samples), u32)| {
            let labels = labels.as_labels();
            let histograms = !samples.histograms.is_empty();
            let (id, labels) = (labels.id(), labels.encoded().into());
            Row { row, id, labels, samples: samples.len() as u32, histograms }
        };
        Ok(rows.map(row).collect())
    }

    async fn read(&self, rows: &[u32], start: i64, end: i64) -> Result<Vec<Samples>> {
        tokio::task::yield_now().await;
        let read = |row: &u32| {
            let (_, samples) = &self.rows[*row as usize];
            let inside = |t: &i64| (start..=end).contains(t);
            let mut samples = samples.clone();
            starts::retain(samples.floats_mut(), |t, _, _| inside(&t));
            samples.histograms.retain(|point| inside(&point.timestamp));
            samples
        };
        Ok(rows.iter().map(read).collect())
    }
}

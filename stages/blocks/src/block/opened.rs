//! A block that is open: its files' footers, and its series on demand.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{FutureExt, TryStreamExt};
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::schema::types::SchemaDescriptor;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;
use ulid::Ulid;
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Error, Labels, Matcher, Result, SeriesExemplars};

use super::damage::Damage;
use super::decoded::{Decoded, Kept};
use super::fetch::Fetch;
use super::index::{Builder, Index};
use super::pages::Pages;
use super::said::Said;
use super::shelf::Cache;
use super::{SAMPLES_FILE, SERIES_FILE, extras, read, schema};
use crate::bucket::objects::Objects;
use crate::extras::Summary;
use crate::lasts::Lasts;
use crate::store::shelf::{Block, Row, Samples};

/// A block, opened to be read.
pub(super) struct Opened {
    pub(super) directory: Path,
    id: Ulid,
    objects: Arc<Objects>,
    series_bytes: u64,
    samples: Fetch,
    footer: ArrowReaderMetadata,
    /// The first and the last timestamp.
    times: (i64, i64),
    count: u64,
    extras: Summary,
    /// What is said of metrics, once it was asked for.
    metrics: OnceCell<Arc<[Arc<Metadata>]>>,
    said: Arc<Said>,
    cache: Arc<Cache>,
    decoded: Arc<Decoded>,
    pub(super) removal: std::sync::Mutex<Option<Removal>>,
}

/// What blocks of a shelf share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) cache: Arc<Cache>,
    pub(super) pages: Arc<Pages>,
    pub(super) decoded: Arc<Decoded>,
    pub(super) said: Arc<Said>,
}

/// Removes the files when the last reader is gone.
pub(super) struct Removal(pub(super) tokio::runtime::Handle);

// === impl Opened ===

impl Opened {
    /// Opens the block in `directory`, whose files have these sizes.
    pub(super) async fn open(
        objects: Arc<Objects>,
        directory: Path,
        (series_bytes, samples_bytes): (u64, u64),
        Shared { cache, pages, decoded, said }: Shared,
    ) -> Result<Self> {
        let path = directory.clone().join(SAMPLES_FILE);
        let mut samples = Fetch { objects: objects.clone(), path, size: samples_bytes, pages: None };
        let footer = guarded(&directory, {
            let mut samples = samples.clone();
            async move { samples.metadata().await.map_err(Damage::from) }
        })
        .await?;
        schema::check(footer.metadata(), samples.path.as_ref())?;
        samples.size = samples_bytes;
        let count = footer.metadata().file_metadata().num_rows().max(0).unsigned_abs();
        let times = read::times(footer.metadata()).map_err(|damage| damage.of(&directory))?;
        let extras = extras::stamped(footer.metadata()).map_err(|damage| damage.of(&directory))?;
        let min_ts = times.iter().map(|(min, _)| *min).min().unwrap_or(0);
        let max_ts = times.iter().map(|(_, max)| *max).max().unwrap_or(0);
        let removal = std::sync::Mutex::default();
        let id = super::shelf::ulid(&directory).unwrap_or_default();
        samples.pages = Some((id, pages));
        let metrics = OnceCell::new();
        let times = (min_ts, max_ts);
        Ok(Self {
            directory,
            id,
            objects,
            series_bytes,
            samples,
            footer,
            times,
            count,
            extras,
            metrics,
            said,
            cache,
            decoded,
            removal,
        })
    }

    /// The series, from the cache or from the file.
    async fn index(&self) -> Result<Arc<Index>> {
        if let Some(index) = self.cache.get(&self.directory) {
            return Ok(index);
        }
        let metadata = self.footer.metadata().clone();
        let opening = self.series(extras::of_series);
        let load = async move {
            let stream = opening.await?;
            let groups = metadata.num_row_groups();
            let add = |mut builder: Builder, batch| async move { builder.add(&batch, groups).map(|()| builder) };
            let builder = stream.map_err(Damage::from).try_fold(Builder::default(), add).await?;
            let index = builder.build();
            // What the series file counts is what the samples file has.
            for (group, starts) in index.starts.iter().enumerate() {
                let (counted, there) =
                    (i64::from(starts.last().copied().unwrap_or(0)), metadata.row_group(group).num_rows());
                if counted != there {
                    return Err(format!("row group {group} has {there} samples, its series count {counted}").into());
                }
            }
            Ok(index)
        };
        let index = Arc::new(guarded(&self.directory, load).await?);
        self.cache.put(&self.directory, index.clone());
        Ok(index)
    }

    /// Begins to read some columns of the series file.
    fn series(
        &self,
        columns: fn(&SchemaDescriptor) -> ProjectionMask,
    ) -> impl Future<Output = Result<ParquetRecordBatchStream<Fetch>, Damage>> + Send + use<> {
        let (objects, path) = (self.objects.clone(), self.directory.clone().join(SERIES_FILE));
        let mut file = Fetch { objects, path: path.clone(), size: self.series_bytes, pages: None };
        async move {
            let footer = file.metadata().await?;
            schema::check(footer.metadata(), path.as_ref())?;
            let columns = columns(footer.metadata().file_metadata().schema_descr());
            Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(file, footer).with_projection(columns).build()?)
        }
    }

    async fn read_rows(&self, rows: &[u32], (start, end): (i64, i64), lasts: Option<Lasts>) -> Result<Vec<Samples>> {
        if rows.len() <= FEW_ROWS
            && let Some(kept) = self.decoded.get(self.id, rows, (start, end))
        {
            return Ok(kept.iter().map(|kept| kept.within((start, end), lasts.as_ref())).collect());
        }
        // What reads is large: those who have no use for it carry a pointer.
        Box::pin(self.read_pages(rows, (start, end), lasts)).await
    }

    /// Reads rows that nothing is kept of.
    async fn read_pages(&self, rows: &[u32], (start, end): (i64, i64), lasts: Option<Lasts>) -> Result<Vec<Samples>> {
        let index = self.index().await?;
        let (file, footer) = (self.samples.clone(), self.footer.clone());
        let mut reading = read::Reading { file, footer, index, start, end, lasts };
        if rows.len() <= FEW_ROWS {
            return guarded_here(&self.directory, self.few(&mut reading, rows)).await;
        }
        let rows = rows.to_vec();
        guarded(&self.directory, async move { reading.read(&rows).await }).await
    }

    /// Reads few rows, and keeps them if possible.
    async fn few(&self, reading: &mut read::Reading, rows: &[u32]) -> Result<Vec<Samples>, Damage> {
        let (start, end, lasts) = (reading.start, reading.end, reading.lasts);
        let Some((first, last)) = reading.widened(rows)? else { return reading.read(rows).await };
        // Nothing is before the first and after the last of a block.
        let first = if first <= self.times.0 { i64::MIN } else { first };
        let last = if last >= self.times.1 { i64::MAX } else { last };
        (reading.start, reading.end, reading.lasts) = (first, last, None);
        let read = reading.read(rows).await?;
        let keep = |(row, samples): (&u32, Samples)| {
            let kept = Arc::new(Kept { times: (first, last), samples });
            self.decoded.put(self.id, *row, kept.clone());
            kept.within((start, end), lasts.as_ref())
        };
        Ok(rows.iter().zip(read).map(keep).collect())
    }

    /// Removes the files. The samples file goes first: from then on the block does not exist.
    async fn remove_files(objects: &Objects, directory: &Path) -> Result<()> {
        objects.delete(&directory.clone().join(SAMPLES_FILE)).await?;
        objects.delete(&directory.clone().join(SERIES_FILE)).await
    }
}

/// Reads of so few rows are made where they are asked for: another task takes longer to come.
const FEW_ROWS: usize = 16;

/// Runs what decodes a file as a task of its own, beside those that read other blocks: where a decoder panics over a damaged
/// file, the task ends and says so. It ends, too, where nobody waits for it any more.
async fn guarded<T: Send + 'static>(
    directory: &Path,
    work: impl Future<Output = Result<T, Damage>> + Send + 'static,
) -> Result<T> {
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(result) => result.map_err(|damage| damage.of(directory)),
        Err(e) if e.is_panic() => Err(gave_up(directory)),
        Err(_) => Err(Error::closed()),
    }
}

/// As [`guarded`], where it is asked for.
async fn guarded_here<T>(directory: &Path, work: impl Future<Output = Result<T, Damage>>) -> Result<T> {
    // What a panic leaves half made is dropped with the work.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result.map_err(|damage| damage.of(directory)),
        Err(_) => Err(gave_up(directory)),
    }
}

fn gave_up(directory: &Path) -> Error {
    Damage::from("a decoder gave up over it").of(directory)
}

#[async_trait]
impl Block for Opened {
    fn id(&self) -> Ulid {
        self.id
    }

    fn min_ts(&self) -> i64 {
        self.times.0
    }

    fn max_ts(&self) -> i64 {
        self.times.1
    }

    fn samples(&self) -> u64 {
        self.count
    }

    fn bytes(&self) -> u64 {
        self.series_bytes + self.samples.size
    }

    fn has_histograms(&self) -> bool {
        self.footer.schema().column_with_name(schema::HISTOGRAM).is_some()
    }

    fn has_starts(&self) -> bool {
        self.footer.schema().column_with_name(schema::START).is_some()
    }

    fn extras(&self) -> Summary {
        self.extras
    }

    async fn exemplars(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<SeriesExemplars>> {
        if !self.extras.has_exemplars(start, end) {
            return Ok(Vec::new());
        }
        let index = self.index().await?;
        let (rows, opening) = (index.select(matchers), self.series(extras::of_exemplars));
        let load = async move {
            let (mut stream, mut first, mut found) = (opening.await?, 0, Vec::new());
            while let Some(batch) = stream.try_next().await? {
                for (row, mut exemplars) in extras::read_exemplars(&batch)? {
                    let row = first + row;
                    exemplars.retain(|exemplar| (start..=end).contains(&exemplar.timestamp));
                    let is_wanted = u32::try_from(row).is_ok_and(|row| rows.binary_search(&row).is_ok());
                    if !exemplars.is_empty() && is_wanted && row < index.len() {
                        let mut labels = Vec::new();
                        index.encode(row, &mut labels);
                        let series = Labels::from_canonical(&labels).to_set();
                        found.push(SeriesExemplars { series, exemplars });
                    }
                }
                first += batch.num_rows();
            }
            Ok(found)
        };
        guarded(&self.directory, load).await
    }

    async fn metrics(&self) -> Result<Arc<[Arc<Metadata>]>> {
        if !self.extras.metrics {
            return Ok(Arc::default());
        }
        let load = async || {
            let (opening, said) = (self.series(extras::of_metrics), self.said.clone());
            let load = async move {
                let (mut stream, mut found) = (opening.await?, BTreeMap::new());
                while let Some(batch) = stream.try_next().await? {
                    extras::read_metrics(&batch, &mut found)?;
                }
                Ok(found.into_values().map(|one| said.share(one)).collect())
            };
            guarded(&self.directory, load).await
        };
        self.metrics.get_or_try_init(load).await.cloned()
    }

    async fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<Row>> {
        let index = self.index().await?;
        let reaches = |row: &u32| {
            let (min, max) = index.ranges[*row as usize];
            min <= max && min <= end && max >= start
        };
        let row = |row: u32| {
            let mut labels = Vec::new();
            index.encode(row as usize, &mut labels);
            let (samples, histograms) = (index.samples(row as usize), index.has_histograms(row));
            Row { row, id: index.ids[row as usize], labels: labels.into(), samples, histograms }
        };
        Ok(index.select(matchers).into_iter().filter(reaches).map(row).collect())
    }

    async fn read(&self, rows: &[u32], start: i64, end: i64) -> Result<Vec<Samples>> {
        self.read_rows(rows, (start, end), None).await
    }

    async fn read_lasts(&self, rows: &[u32], start: i64, end: i64, lasts: Lasts) -> Result<Vec<Samples>> {
        self.read_rows(rows, (start, end), Some(lasts)).await
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}, {} samples)", self.directory, self.count)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let removal = self.removal.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(Removal(runtime)) = removal.take() {
            let (objects, directory) = (self.objects.clone(), self.directory.clone());
            runtime.spawn(async move {
                if let Err(error) = Self::remove_files(&objects, &directory).await {
                    tracing::warn!(block = %directory, error = error.report(), "a block that is not needed stays");
                }
            });
        }
    }
}

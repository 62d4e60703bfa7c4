//! What the bucket has already of blocks on this machine's disk, by the blocks of others.
//!
//! Replicas have the same samples, but cut them at other moments, and each may have missed some. So nothing is concluded
//! from names, times or counts: the samples are compared, floats with their starts and native histograms. One need not be uploaded where
//! merging it with what the bucket has would change nothing: the same value is there at its time, or one that wins
//! against it. Exemplars are compared, too, and which metrics something is said of: a series of which the bucket lacks exemplars
//! alone is uploaded with its samples, as no block has series without any.
//!
//! Shape: the first pass reads both sides once, series after series in batches of bounded size, and tells which blocks are
//! wholly in the bucket, and which series are not. The second reads only these again, as rows without what the bucket has.
//!
//! Errors: those of the disk and of the bucket. A block of the bucket that is damaged has nothing, so that what it was to
//! have is uploaded anew.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Error, HistogramPoint, Labels, Result, SeriesId};

use super::shelf::{Block, Rows, Samples, is_damage};
use super::tidy::{Joined, extras_of, merged};
use super::{Run, Selection};
use crate::extras::{self, Extras, Summary};
use crate::merge::{beats, beats_float};
use crate::starts;

/// About how many samples of both sides are in memory at a time.
const SAMPLES: usize = 256 << 10;

/// At most how many series are.
const SERIES: usize = 4096;

/// Blocks on disk beside those of others in the bucket.
pub(super) struct Compared {
    own: Selection,
    theirs: Selection,
    /// Of each block of `own`, how many samples were read, and how many of these the bucket has.
    counts: Vec<(u64, u64)>,
    /// The series of which the bucket lacks some, in rising order.
    series: Vec<usize>,
    /// Those of them of which it lacks no samples, likewise.
    shown: Vec<usize>,
    /// What the bucket lacks of what blocks have beside samples.
    extras: Extras,
    /// The blocks that have exemplars of these.
    showing: Vec<Arc<dyn Block>>,
}

/// What the bucket lacks, as rows of a block.
struct Rest {
    own: Joined,
    theirs: Selection,
    /// Which rows come with all of their samples, in rising order.
    whole: Vec<usize>,
}

/// Walks over samples in the order of time, to say which are there.
struct Walk<'a> {
    samples: &'a Samples,
    float: usize,
    histogram: usize,
}

// === impl Compared ===

impl Compared {
    /// Compares a selection of blocks on disk with blocks of the bucket.
    ///
    /// # Errors
    /// The disk or the bucket fails.
    pub(super) async fn new(own: Selection, others: &[Arc<dyn Block>]) -> Result<Self> {
        let theirs = own.beside(others).await?;
        let counts = vec![(0, 0); own.blocks().len()];
        let (extras, showing) = lacking(own.blocks(), others).await?;
        let mut compared = Self { own, theirs, counts, series: Vec::new(), shown: Vec::new(), extras, showing };
        let mut first = 0;
        while first < compared.own.len() {
            let range = first..compared.batch(first);
            first = range.end;
            compared.look(range).await?;
        }
        compared.check()?;
        Ok(compared)
    }

    /// Where the batch that begins with a series ends.
    fn batch(&self, first: usize) -> usize {
        let (mut last, mut samples) = (first, 0);
        while last < self.own.len() && last - first < SERIES && samples < SAMPLES {
            samples += self.own.samples_estimate(last) + self.theirs.samples_estimate(last);
            last += 1;
        }
        last
    }

    async fn look(&mut self, range: Range<usize>) -> Result<()> {
        let runs = self.theirs.read_intact(range.clone(), i64::MIN, i64::MAX).await?;
        let (there, _) = merged(&runs, range.clone());
        let mut is_lacking = vec![false; range.len()];
        for (runs, (read, found)) in self.own.read_apart(range.clone()).await?.iter().zip(&mut self.counts) {
            for run in runs {
                let Some(place) = run.series.checked_sub(range.start) else { continue };
                let (Some(there), Some(is_lacking)) = (there.get(place), is_lacking.get_mut(place)) else { continue };
                let samples = (run.timestamps.len() + run.histograms.len()) as u64;
                *read += samples;
                match has_all(there, run) {
                    true => *found += samples,
                    false => *is_lacking = true,
                }
            }
        }
        for (series, is_lacking) in range.zip(is_lacking) {
            let is_shown = self.extras.exemplars.contains_key(&self.own.id(series));
            if is_lacking || is_shown {
                self.series.push(series);
            }
            if is_shown && !is_lacking {
                self.shown.push(series);
            }
        }
        Ok(())
    }

    /// Nothing may go from the disk that was not read.
    fn check(&self) -> Result<()> {
        match self.own.blocks().iter().zip(&self.counts).find(|(block, (read, _))| *read != block.samples()) {
            None => Ok(()),
            Some((block, (read, _))) => {
                let (id, samples) = (block.id(), block.samples());
                Err(Error::internal(format!("block `{id}` has {samples} samples, of which {read} can be read")))
            }
        }
    }

    /// Whether the bucket has all of a block.
    pub(super) fn has(&self, block: &Arc<dyn Block>) -> bool {
        let mut blocks = self.own.blocks().iter().zip(&self.counts);
        let has_samples = blocks.any(|(own, (_, found))| Arc::ptr_eq(own, block) && *found == block.samples());
        has_samples && !self.showing.iter().any(|showing| Arc::ptr_eq(showing, block))
    }

    /// What the bucket lacks.
    pub(super) fn rest(self) -> Arc<dyn Rows> {
        let (own, theirs) = (self.own.only(&self.series), self.theirs.only(&self.series));
        let is_shown = |(_, series): &(usize, usize)| self.shown.binary_search(series).is_ok();
        let whole = self.series.iter().copied().enumerate().filter(is_shown).map(|(row, _)| row).collect();
        Arc::new(Rest { own: Joined::with(own, self.extras), theirs, whole })
    }
}

/// What others lack of what blocks have beside samples, and the blocks that have exemplars among it.
async fn lacking(own: &[Arc<dyn Block>], others: &[Arc<dyn Block>]) -> Result<(Extras, Vec<Arc<dyn Block>>)> {
    let (mut lacking, mut showing) = (Extras::NONE, Vec::new());
    if own.iter().all(|block| block.extras() == Summary::default()) {
        return Ok((lacking, showing));
    }
    let times = own.iter().filter_map(|block| block.extras().exemplars);
    let reach = times.reduce(|(first, last), (a, b)| (first.min(a), last.max(b))).unwrap_or((0, -1));
    let there = intact(others, reach).await?;
    for block in own {
        let mut extras = extras_of([block], reach).await?;
        for (series, exemplars) in &mut extras.exemplars {
            let known = there.exemplars.get(series).map_or(&[][..], Vec::as_slice);
            exemplars.retain(|exemplar| known.binary_search_by(|there| extras::compare(there, exemplar)).is_err());
        }
        extras.exemplars.retain(|_, exemplars| !exemplars.is_empty());
        extras.metrics.retain(|name, _| !there.metrics.contains_key(name));
        // All replicas are told of metrics, again and again: for these alone nothing is uploaded.
        if !extras.exemplars.is_empty() {
            showing.push(block.clone());
        }
        extras.exemplars.into_iter().for_each(|(series, exemplars)| lacking.show(series, exemplars));
        extras.metrics.into_values().for_each(|said| lacking.say(said));
    }
    Ok((lacking, showing))
}

/// What blocks of the bucket have beside samples; one that is damaged has nothing.
async fn intact(blocks: &[Arc<dyn Block>], reach: (i64, i64)) -> Result<Extras> {
    let mut all = Extras::NONE;
    for block in blocks {
        match extras_of([block], reach).await {
            Ok(extras) => {
                extras.exemplars.into_iter().for_each(|(series, exemplars)| all.show(series, exemplars));
                extras.metrics.into_values().for_each(|said| all.say(said));
            }
            Err(error) if is_damage(&error) => {
                tracing::error!(error = error.report(), "a block is taken as having nothing");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

// === impl Rest ===

#[async_trait]
impl Rows for Rest {
    fn len(&self) -> usize {
        self.own.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        self.own.labels(i)
    }

    fn id(&self, i: usize) -> SeriesId {
        self.own.id(i)
    }

    fn samples(&self, i: usize) -> usize {
        self.own.samples(i)
    }

    fn have_starts(&self) -> bool {
        self.own.have_starts()
    }

    fn have_histograms(&self) -> bool {
        self.own.have_histograms()
    }

    fn extras(&self) -> &Extras {
        self.own.extras()
    }

    async fn read(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        let mut own = self.own.read(range.clone(), start, end).await?;
        let runs = self.theirs.read_intact(range.clone(), start, end).await?;
        let (there, _) = merged(&runs, range.clone());
        for ((own, there), series) in own.iter_mut().zip(&there).zip(range) {
            if self.whole.binary_search(&series).is_err() {
                subtract(own, there);
            }
        }
        Ok(own)
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    fn new(samples: &'a Samples) -> Self {
        Self { samples, float: 0, histogram: 0 }
    }

    /// Whether a float at a time, its value with its start, or one that beats it, is there. Times of one walk rise.
    fn has_float(&mut self, timestamp: i64, float: (f64, i64)) -> bool {
        if self.histogram_at(timestamp).is_some() {
            return true;
        }
        let Samples { timestamps, values, starts, .. } = self.samples;
        while timestamps.get(self.float).is_some_and(|there| *there < timestamp) {
            self.float += 1;
        }
        timestamps.get(self.float) == Some(&timestamp)
            && values
                .get(self.float)
                .is_some_and(|there| !beats_float(float, (*there, starts.get(self.float).copied().unwrap_or(0))))
    }

    /// Whether a histogram, or one that beats it, is there. Times of one walk rise.
    fn has_histogram(&mut self, point: &HistogramPoint) -> bool {
        self.histogram_at(point.timestamp).is_some_and(|there| !beats(point, there))
    }

    fn histogram_at(&mut self, timestamp: i64) -> Option<&'a HistogramPoint> {
        let all = &self.samples.histograms;
        while all.get(self.histogram).is_some_and(|there| there.timestamp < timestamp) {
            self.histogram += 1;
        }
        all.get(self.histogram).filter(|there| there.timestamp == timestamp)
    }
}

/// Whether merging a run with what is there would change nothing.
fn has_all(there: &Samples, run: &Run) -> bool {
    let (mut floats, mut histograms) = (Walk::new(there), Walk::new(there));
    let mut own = run.timestamps.iter().zip(run.values.iter().copied().zip(starts::each(&run.starts)));
    own.all(|(timestamp, float)| floats.has_float(*timestamp, float))
        && run.histograms.iter().all(|point| histograms.has_histogram(point))
}

/// Takes out of samples all that merging with what is there would not change.
fn subtract(own: &mut Samples, there: &Samples) {
    if there.is_empty() {
        return;
    }
    let (mut floats, mut histograms) = (Walk::new(there), Walk::new(there));
    starts::retain(own.floats_mut(), |timestamp, value, start| !floats.has_float(timestamp, (value, start)));
    own.histograms.retain(|point| !histograms.has_histogram(point));
}

#[cfg(test)]
mod tests;

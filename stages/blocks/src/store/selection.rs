//! What a query gets: series of head and blocks, and their samples on demand.

mod apart;
mod decode;
mod kinds;
mod read;
mod unite;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::future::{join_all, try_join_all};
use weir_pipeline::{Error, HistogramPoint, Labels, Matcher, Result, SeriesId};

use super::cut;
use super::shelf::{Block, Row};
use crate::gather::Gathered;
use crate::head::{Piece, Snapshot};
use crate::order;

/// So many series are joined where they are asked for.
const FEW: usize = 1_000;

/// Series that match, each once. Holds the snapshot: cuts and removals do not change it. A clone shares
/// it.
#[derive(Clone, Debug)]
pub struct Selection(Arc<Selected>);

/// Samples of one series: timestamps that rise, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Which series of the selection.
    pub series: usize,
    /// When the floats are, in milliseconds since the Unix epoch.
    pub timestamps: Vec<i64>,
    /// As long as `timestamps`.
    pub values: Vec<f64>,
    /// Since when each float counts, 0 for unknown: as long as `timestamps`, or empty where none is known.
    pub starts: Vec<i64>,
    /// Native histograms, their timestamps rising, too. One at the time of a float, of this run or of another one, beats it.
    pub histograms: Vec<HistogramPoint>,
}

#[derive(Debug, Default)]
struct Selected {
    start: i64,
    end: i64,
    series: Vec<Series>,
    blocks: Vec<Arc<dyn Block>>,
    missing: Vec<String>,
    /// Whether the series are in block order.
    sorted: bool,
    /// The blocks that could not be read.
    failed: Mutex<BTreeSet<u32>>,
}

#[derive(Clone, Debug)]
struct Series {
    id: SeriesId,
    labels: Arc<[u8]>,
    samples: usize,
    head: Vec<Arc<Piece>>,
    /// Blocks, and rows of them.
    rows: Vec<(u32, u32)>,
    /// Whether rows have native histograms.
    histograms: bool,
}

// === impl Selection ===

impl Selection {
    /// What nodes answered, and blocks, as one: what several have is there once.
    ///
    /// # Errors
    /// A block can't be read.
    pub async fn join(
        nodes: Vec<Gathered>,
        blocks: &[Arc<dyn Block>],
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Self> {
        let heads = nodes.into_iter().map(|Gathered(series)| series).collect();
        Self::lenient(heads, blocks, matchers, start, end).await
    }

    /// As [`new`](Self::new); blocks that can't be read are missing.
    pub(super) async fn lenient(
        heads: Vec<Vec<Snapshot>>,
        blocks: &[Arc<dyn Block>],
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Self> {
        let blocks = reaching(blocks, start, end);
        let selected = join_all(blocks.iter().map(|block| block.select(matchers, start, end))).await;
        let (mut readable, mut rows, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (block, selected) in blocks.iter().zip(selected) {
            match selected {
                Ok(found) => {
                    readable.push(block.clone());
                    rows.push(found);
                }
                Err(error) => missing.push(error.report()),
            }
        }
        Ok(Self::of(heads, readable, rows, start, end).await?.without(missing))
    }

    pub(super) async fn new(
        heads: Vec<Vec<Snapshot>>,
        blocks: &[Arc<dyn Block>],
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Self> {
        let blocks = reaching(blocks, start, end);
        let rows = try_join_all(blocks.iter().map(|block| block.select(matchers, start, end))).await?;
        Self::of(heads, blocks, rows, start, end).await
    }

    /// What heads have, and these rows of blocks.
    async fn of(
        heads: Vec<Vec<Snapshot>>,
        blocks: Vec<Arc<dyn Block>>,
        rows: Vec<Vec<Row>>,
        start: i64,
        end: i64,
    ) -> Result<Self> {
        let all = heads.iter().map(Vec::len).chain(rows.iter().map(Vec::len)).sum::<usize>();
        let join = move || {
            let several = heads.len() > 1;
            let sorted = several || rows.iter().any(|rows| !rows.is_empty());
            let heads = heads.into_iter().map(|head| {
                let mut head = head.into_iter().map(Series::from).collect();
                if sorted {
                    order::sort(&mut head, Series::labels);
                }
                head
            });
            let mut lists = vec![union(heads.collect())];
            if several {
                lists.iter_mut().flatten().for_each(Series::dedup);
            }
            lists.extend(
                rows.into_iter()
                    .zip(0..)
                    .map(|(rows, block)| rows.into_iter().map(|row| Series::of(block, row)).collect::<Vec<_>>()),
            );
            Self(Arc::new(Selected { start, end, series: union(lists), blocks, sorted, ..Selected::default() }))
        };
        // Another thread takes longer to come than a few series to be joined.
        if all <= FEW { Ok(join()) } else { tokio::task::spawn_blocking(join).await.map_err(cut::lost) }
    }

    /// The same, its series in block order.
    ///
    /// # Errors
    /// Somebody has a clone of it, or the program ends.
    pub async fn sorted(mut self) -> Result<Self> {
        if self.0.sorted {
            return Ok(self);
        }
        let sort = move || {
            let shared = || Error::internal("expected a selection of which there is no clone");
            let selected = Arc::get_mut(&mut self.0).ok_or_else(shared)?;
            order::sort(&mut selected.series, Series::labels);
            selected.sorted = true;
            Ok(self)
        };
        tokio::task::spawn_blocking(sort).await.map_err(cut::lost)?
    }

    /// The same, of which this could not be had either.
    #[must_use]
    pub fn without(mut self, missing: Vec<String>) -> Self {
        if let Some(selected) = Arc::get_mut(&mut self.0) {
            selected.missing.extend(missing);
        }
        self
    }

    /// What could not be had, in sentences.
    pub fn missing(&self) -> &[String] {
        &self.0.missing
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.0.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.series.is_empty()
    }

    /// The labels of the `i`-th series; no labels where there is none.
    pub fn labels(&self, i: usize) -> Labels<'_> {
        Labels::from_canonical(self.0.series.get(i).map_or(&[], |series| &series.labels))
    }

    /// The id of the `i`-th series.
    pub fn id(&self, i: usize) -> SeriesId {
        self.0.series.get(i).map_or(SeriesId([0; 16]), |series| series.id)
    }

    /// How many samples [`read`](Self::read) returns for the `i`-th series at most, to size reads by.
    pub fn samples_estimate(&self, i: usize) -> usize {
        self.0.series.get(i).map_or(0, |series| series.samples)
    }
}

// === impl Series ===

impl Series {
    fn of(block: u32, row: Row) -> Self {
        let samples = row.samples as usize;
        let (head, rows, histograms) = (Vec::new(), vec![(block, row.row)], row.histograms);
        Self { id: row.id, labels: row.labels, samples, head, rows, histograms }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::from_canonical(&self.labels)
    }

    /// Compares in block order. Most series are in most lists, so that ids are looked at first.
    fn compare(&self, other: &Self) -> Ordering {
        if self.id == other.id && self.labels == other.labels {
            return Ordering::Equal;
        }
        order::compare(self.labels(), other.labels())
    }

    /// Replicas have the same chunks: one of each is enough.
    fn dedup(&mut self) {
        let key = |piece: &Arc<Piece>| (piece.chunk().min_ts(), piece.chunk().max_ts(), piece.chunk().count());
        self.head.sort_by_key(key);
        self.head.dedup_by(|a, b| a.chunk() == b.chunk());
        self.samples = self.head.iter().map(|piece| piece.chunk().count()).sum();
    }

    /// Takes in the same series of another list.
    fn absorb(&mut self, other: Self) {
        self.samples += other.samples;
        self.head.extend(other.head);
        self.rows.extend(other.rows);
        self.histograms |= other.histograms;
    }
}

impl From<Snapshot> for Series {
    fn from(snapshot: Snapshot) -> Self {
        let samples = snapshot.pieces.iter().map(|piece| piece.chunk().count()).sum();
        let Snapshot { id, labels, pieces: head } = snapshot;
        Self { id, labels, samples, head, rows: Vec::new(), histograms: false }
    }
}

/// The blocks that reach into a time.
fn reaching(blocks: &[Arc<dyn Block>], start: i64, end: i64) -> Vec<Arc<dyn Block>> {
    blocks.iter().filter(|block| block.min_ts() <= end && block.max_ts() >= start).cloned().collect()
}

/// One list of sorted lists. Labels decide what is the same series, not ids, which can be forged.
fn union(mut lists: Vec<Vec<Series>>) -> Vec<Series> {
    while lists.len() > 1 {
        let mut next = Vec::with_capacity(lists.len().div_ceil(2));
        let mut all = lists.into_iter();
        while let Some(a) = all.next() {
            next.push(match all.next() {
                Some(b) => union_two(a, b),
                None => a,
            });
        }
        lists = next;
    }
    lists.pop().unwrap_or_default()
}

fn union_two(a: Vec<Series>, b: Vec<Series>) -> Vec<Series> {
    if a.is_empty() || b.is_empty() {
        return if a.is_empty() { b } else { a };
    }
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) => x.compare(y),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return out,
        };
        let mut series = if order.is_gt() { b.next() } else { a.next() };
        if let (true, Some(series), Some(other)) =
            (order.is_eq(), &mut series, if order.is_eq() { b.next() } else { None })
        {
            series.absorb(other);
        }
        out.extend(series);
    }
}

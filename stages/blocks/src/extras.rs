//! What a block has beside samples: exemplars of its series, and what senders say of its metrics.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Error, Exemplar, LabelSet, Matcher, Result, SeriesExemplars, SeriesId};

use crate::store::shelf::Block;

/// What the series of a metric family may have behind its name.
const SUFFIXES: [&str; 8] = ["_bucket", "_count", "_sum", "_total", "_created", "_info", "_gcount", "_gsum"];

/// So many blocks are read at a time.
const AT_ONCE: usize = 16;

/// The most exemplars of blocks that an answer has.
const MOST: usize = 250_000;

/// What the series of a block have beside samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// The exemplars of each series, in order of time, each once.
    pub exemplars: BTreeMap<SeriesId, Vec<Exemplar>>,
    /// What is said of metric families, by their names.
    pub metrics: BTreeMap<String, Metadata>,
}

/// What there is of that in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The first and the last time of an exemplar, in milliseconds since the Unix epoch, which may be before the first sample.
    pub exemplars: Option<(i64, i64)>,
    /// Whether anything is said of a metric.
    pub metrics: bool,
}

/// What is known beside samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known<T> {
    /// What is known.
    pub found: T,
    /// What could not be asked or read, and why.
    pub missing: Vec<String>,
}

// === impl Known ===

impl<T> From<T> for Known<T> {
    /// All was asked.
    fn from(found: T) -> Self {
        Self { found, missing: Vec::new() }
    }
}

impl<T> Known<T> {
    /// The same, where this is missing, too.
    #[must_use]
    pub fn lacking(mut self, missing: impl IntoIterator<Item = String>) -> Self {
        self.missing.extend(missing);
        self
    }
}

// === impl Extras ===

impl Extras {
    /// Nothing.
    pub const NONE: Self = Self { exemplars: BTreeMap::new(), metrics: BTreeMap::new() };

    /// Adds exemplars of a series. One that is there already changes nothing.
    pub fn show(&mut self, series: SeriesId, exemplars: impl IntoIterator<Item = Exemplar>) {
        let own = self.exemplars.entry(series).or_default();
        own.extend(exemplars);
        in_order(own);
    }

    /// Adds what is said of a metric, in the place of what was said before.
    pub fn say(&mut self, said: Metadata) {
        self.metrics.insert(said.metric.clone(), said);
    }

    /// What is said of the family that a series of this metric is of.
    pub fn of(&self, metric: &str) -> Option<&Metadata> {
        family(metric, |name| self.metrics.get(name))
    }
}

// === impl Summary ===

impl Summary {
    /// Whether there are exemplars within `start..=end`, about.
    pub fn has_exemplars(&self, start: i64, end: i64) -> bool {
        self.exemplars.is_some_and(|(first, last)| first <= end && last >= start)
    }
}

/// What `get` has for the family that a series of this metric is of: a family of just that name, or of the name without what
/// series of histograms, summaries and counters have behind it.
pub(crate) fn family<T>(metric: &str, get: impl Fn(&str) -> Option<T>) -> Option<T> {
    get(metric).or_else(|| SUFFIXES.iter().find_map(|suffix| get(metric.strip_suffix(suffix)?)))
}

/// The order of exemplars of one series: time, and then whatever tells them apart.
pub(crate) fn compare(a: &Exemplar, b: &Exemplar) -> Ordering {
    let key = |of: &Exemplar| (of.timestamp, of.value.to_bits());
    key(a).cmp(&key(b)).then_with(|| a.labels.cmp(&b.labels))
}

/// Brings exemplars of one series into their order, each once.
fn in_order(exemplars: &mut Vec<Exemplar>) {
    exemplars.sort_by(compare);
    exemplars.dedup_by(|a, b| compare(a, b).is_eq());
}

/// The exemplars of several lists as one, sorted by series and time, each once.
pub fn join(lists: impl IntoIterator<Item = SeriesExemplars>) -> Vec<SeriesExemplars> {
    let mut all: BTreeMap<LabelSet, Vec<Exemplar>> = BTreeMap::new();
    for SeriesExemplars { series, exemplars } in lists {
        all.entry(series).or_default().extend(exemplars);
    }
    let one = |(series, mut exemplars)| {
        in_order(&mut exemplars);
        SeriesExemplars { series, exemplars }
    };
    all.into_iter().map(one).collect()
}

/// The exemplars within `start..=end` that blocks have of the series that satisfy all matchers, sorted by series and time, each
/// once.
///
/// # Errors
/// They are more than an answer may have.
pub(crate) async fn exemplars_of(
    blocks: &[Arc<dyn Block>],
    matchers: &[Matcher],
    start: i64,
    end: i64,
) -> Result<Known<Vec<SeriesExemplars>>> {
    let mut known: Known<Vec<_>> = Known::default();
    let matchers: Arc<[Matcher]> = matchers.into();
    let read = |block: &Arc<dyn Block>| {
        let (block, matchers) = (block.clone(), matchers.clone());
        async move { (block.exemplars(&matchers, start, end).await, block) }.boxed()
    };
    let some = blocks.iter().filter(|block| block.extras().has_exemplars(start, end));
    let reads: Vec<_> = some.map(read).collect();
    let mut all = stream::iter(reads).buffered(AT_ONCE);
    let mut count = 0;
    while let Some((read, block)) = all.next().await {
        match read {
            Ok(some) => {
                count += some.iter().map(|series| series.exemplars.len()).sum::<usize>();
                check(count)?;
                known.found.extend(some);
            }
            Err(error) => known.missing.push(unread(&*block, &error)),
        }
    }
    known.found = join(known.found);
    Ok(known)
}

/// That so many exemplars may be in an answer.
fn check(count: usize) -> Result<()> {
    if count > MOST {
        let text = format!("the question finds more than {MOST} exemplars: expected less time, or fewer series");
        return Err(Error::unprocessable(text));
    }
    Ok(())
}

/// What blocks say of metrics, sorted by their names: the block that was made last has the last word.
pub(crate) async fn metrics_of(blocks: &[Arc<dyn Block>]) -> Known<Vec<Arc<Metadata>>> {
    let mut blocks: Vec<_> = blocks.iter().filter(|block| block.extras().metrics).cloned().collect();
    blocks.sort_by_key(|block| Reverse(block.id()));
    let read = |block: Arc<dyn Block>| async move { (block.metrics().await, block) }.boxed();
    let reads: Vec<_> = blocks.into_iter().map(read).collect();
    let mut all = stream::iter(reads).buffered(AT_ONCE);
    let mut known: Known<Vec<Arc<Metadata>>> = Known::default();
    while let Some((read, block)) = all.next().await {
        match read {
            Ok(some) => known.found.extend(some.iter().cloned()),
            Err(error) => known.missing.push(unread(&*block, &error)),
        }
    }
    // Of each name the first stays.
    known.found.sort_by(|a, b| a.metric.cmp(&b.metric));
    known.found.dedup_by(|next, kept| next.metric == kept.metric);
    known
}

/// What is known, sorted by name, and what blocks say of other metrics, or of the one that is asked for, sorted by name.
pub fn beside(mut known: Vec<Metadata>, others: Vec<Arc<Metadata>>, metric: Option<&str>) -> Vec<Metadata> {
    let is_wanted = |said: &Arc<Metadata>| {
        metric.is_none_or(|metric| metric == said.metric)
            && known.binary_search_by(|own| own.metric.cmp(&said.metric)).is_err()
    };
    let new: Vec<_> = others.into_iter().filter(is_wanted).map(Arc::unwrap_or_clone).collect();
    known.extend(new);
    known.sort_by(|a, b| a.metric.cmp(&b.metric));
    known
}

fn unread(block: &dyn Block, error: &Error) -> String {
    tracing::error!(error = error.report(), "a block is left out of answers");
    format!("block `{}` can't be read: {}", block.id(), error.report())
}

#[cfg(test)]
mod tests;

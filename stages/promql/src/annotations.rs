//! What the asker should know of an answer: warnings and infos, with the place in the query that they are about.
//!
//! Source: Prometheus' `util/annotations`.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::syntax::Position;
use crate::syntax::ast::Span;

mod forced;

use forced::Counts;
pub use forced::{Evaluated, Forced, go_float};

/// What is said of one value, without saying where in the query, or of which metric: whoever adds it to
/// [`Annotations`] knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A ratio outside -1 to 1, and what it is taken for.
    InvalidRatio(f64, f64),
    /// A quantile outside 0 to 1.
    InvalidQuantile(f64),
    /// A bucket whose `le` is this, which is no number.
    BadBucketLabel(String),
    /// Floats and histograms of one series, where only one kind makes sense.
    MixedFloatsHistograms,
    /// Floats and histograms in one group.
    MixedFloatsHistogramsAggregation,
    /// Classic and native histograms of the same labels.
    MixedClassicNative,
    /// A gauge histogram where a counter is asked for.
    HistogramNotCounter,
    /// A counter histogram where a gauge is asked for.
    HistogramNotGauge,
    /// Exponential and custom buckets.
    MixedExponentialCustom,
    /// Histograms that this operator can't bring together.
    IncompatibleBucketLayout(&'static str),
    /// `sort` has no effect over a range.
    SortInRangeQuery,
    /// One histogram says that it was reset, another that it was not.
    CounterResetCollision(HistogramOperation),
    /// A sample starts before the one before it.
    StartTimeOverlap,
    /// By its name the metric is no counter.
    PossibleNonCounter,
    /// Buckets had to be made monotonic.
    ForcedMonotonic(Forced),
    /// A left operand, an operator, and a right operand that do not go together.
    IncompatibleTypes(&'static str, &'static str, &'static str),
    /// The aggregation takes no histograms.
    HistogramIgnoredInAggregation(&'static str),
    /// Histograms among floats are passed over.
    HistogramIgnoredInMixedRange,
    /// A quantile of observations that are NaN.
    QuantileNanResult,
    /// A quantile of observations of which some are NaN.
    QuantileNanSkew,
    /// A fraction of observations of which some are NaN.
    FractionNans,
    /// Custom buckets with other bounds.
    MismatchedCustomBuckets(HistogramOperation),
}

/// What brings histograms together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramOperation {
    /// `+`
    Addition,
    /// `-`
    Subtraction,
    /// An aggregation.
    Aggregation,
}

/// What functions have to say while they compute. Most say nothing, and none needs to be said twice.
#[derive(Clone, Debug, Default)]
pub struct Notes(Vec<Note>);

/// The notes of one query, each text once: as in Prometheus, the place is that of the part that was evaluated last.
#[derive(Debug, Default)]
pub struct Annotations {
    notes: BTreeMap<(Level, String), Merged>,
    /// What operators between vectors say, by the operator and the step: the last at a step alone.
    steps: BTreeMap<((u32, u32), usize), (Turn, Note)>,
    incomplete: BTreeSet<String>,
}

/// Where in the query is what a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There.
    At(Span),
    /// At the first, which belongs to what stands at the second: it is said when that is evaluated.
    Within(Span, Span),
    /// Prometheus evaluates a subquery by itself and puts a selector into its place, which stands at no place: it says the
    /// first.
    Subquery(Span),
}

/// When an operator between vectors came to a series at a step: first those of the one operand in the order of their labels, then
/// those of the other that met nothing and are filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Whether it is one that met nothing.
    pub filled: bool,
    /// The canonical labels.
    pub labels: Vec<u8>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The answer may be wrong.
    Warning,
    /// The asker may want to know.
    Info,
}

/// What is put together of notes that are the same.
#[derive(Clone, Debug)]
struct Merged {
    place: Place,
    times: u64,
    forced: Option<Forced>,
    counts: Counts,
    overlaps: bool,
}

// === impl HistogramOperation ===

impl HistogramOperation {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

// === impl Note ===

impl Note {
    fn level(&self) -> Level {
        match self {
            Self::InvalidRatio(..)
            | Self::InvalidQuantile(_)
            | Self::BadBucketLabel(_)
            | Self::MixedFloatsHistograms
            | Self::MixedFloatsHistogramsAggregation
            | Self::MixedClassicNative
            | Self::HistogramNotCounter
            | Self::HistogramNotGauge
            | Self::MixedExponentialCustom
            | Self::IncompatibleBucketLayout(_)
            | Self::SortInRangeQuery
            | Self::CounterResetCollision(_)
            | Self::StartTimeOverlap => Level::Warning,
            Self::PossibleNonCounter
            | Self::ForcedMonotonic(_)
            | Self::IncompatibleTypes(..)
            | Self::HistogramIgnoredInAggregation(_)
            | Self::HistogramIgnoredInMixedRange
            | Self::QuantileNanResult
            | Self::QuantileNanSkew
            | Self::FractionNans
            | Self::MismatchedCustomBuckets(_) => Level::Info,
        }
    }

    /// The text, as Prometheus words it.
    fn text(&self, metric: &str) -> String {
        let of = |text: &str| match metric {
            "" => text.to_owned(),
            _ => format!("{text} for metric name {metric:?}"),
        };
        match self {
            Self::InvalidRatio(got, to) => {
                let (got, to) = (go_float(*got), go_float(*to));
                format!("ratio value should be between -1 and 1, got {got}, capping to {to}")
            }
            Self::InvalidQuantile(got) => format!("quantile value should be between 0 and 1, got {}", go_float(*got)),
            Self::BadBucketLabel(le) => {
                of(&format!("bucket label \"le\" is missing or has a malformed value of {le:?}"))
            }
            Self::MixedFloatsHistograms => {
                format!("encountered a mix of histograms and floats for metric name {metric:?}")
            }
            Self::MixedFloatsHistogramsAggregation => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Self::MixedClassicNative => of("vector contains a mix of classic and native histograms"),
            Self::HistogramNotCounter => format!("this native histogram metric is not a counter: {metric:?}"),
            Self::HistogramNotGauge => format!("this native histogram metric is not a gauge: {metric:?}"),
            Self::MixedExponentialCustom => {
                let text = "vector contains a mix of histograms with exponential and custom buckets schemas";
                format!("{text} for metric name {metric:?}")
            }
            Self::IncompatibleBucketLayout(op) => {
                format!("incompatible bucket layout encountered for binary operator {op}")
            }
            Self::SortInRangeQuery => {
                "sort is ineffective for range queries since results are always ordered by labels".to_owned()
            }
            Self::CounterResetCollision(op) => format!("conflicting counter resets during histogram {}", op.name()),
            Self::StartTimeOverlap => {
                format!("sample has start time that overlaps with previous sample timestamp for metric {metric:?}")
            }
            Self::PossibleNonCounter => {
                let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
                format!("{text} {metric:?}")
            }
            Self::ForcedMonotonic(_) => of("input to histogram_quantile needed to be fixed for monotonicity \
                 (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"),
            Self::IncompatibleTypes(lhs, op, rhs) => {
                format!("incompatible sample types encountered for binary operator {op:?}: {lhs} {op} {rhs}")
            }
            Self::HistogramIgnoredInAggregation(name) => format!("ignored histogram in {name} aggregation"),
            Self::HistogramIgnoredInMixedRange => {
                let text = "ignored histograms in a range containing both floats and histograms for metric name";
                format!("{text} {metric:?}")
            }
            Self::QuantileNanResult => of("input to histogram_quantile has NaN observations, result is NaN"),
            Self::QuantileNanSkew => of("input to histogram_quantile has NaN observations, result is skewed higher"),
            Self::FractionNans => {
                of("input to histogram_fraction has NaN observations, which are excluded from all fractions")
            }
            Self::MismatchedCustomBuckets(op) => {
                format!("mismatched custom buckets were reconciled during {}", op.name())
            }
        }
    }
}

// === impl Notes ===

impl Notes {
    /// Adds a note, unless it was the last or is among the others. Notes that count how often they are said come each time.
    pub fn push(&mut self, note: Note) {
        let counted = matches!(note, Note::ForcedMonotonic(_) | Note::StartTimeOverlap);
        if counted || !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out all.
    pub fn drain(&mut self) -> impl Iterator<Item = Note> + '_ {
        self.0.drain(..)
    }
}

// === impl Annotations ===

impl Annotations {
    /// Adds a note on `metric`, which may be empty, about what stands at `place` in the query.
    pub fn add(&mut self, note: &Note, metric: &str, place: impl Into<Place>) {
        let place = place.into();
        let new = Merged { place, times: 0, forced: None, counts: Counts::default(), overlaps: false };
        let merged = self.notes.entry((note.level(), note.text(metric))).or_insert(new);
        merged.times += 1;
        let mut of_last = true;
        match note {
            Note::ForcedMonotonic(forced) => {
                merged.forced = Some(merged.forced.map_or(*forced, |other| other.merge(*forced)));
                merged.counts.add(place.key(), forced);
                of_last = false;
            }
            Note::StartTimeOverlap => (merged.overlaps, of_last) = (true, false),
            _ => {}
        }
        // Those that count stay where they were said first.
        let later = place.order() > merged.place.order();
        let earlier = place.order() < merged.place.order();
        if if of_last { later } else { earlier } {
            merged.place = place;
        }
    }

    /// Adds what an operator between vectors, which stands at `at`, says of a series at a step: of several that is the last.
    pub fn add_at_step(&mut self, note: Note, at: Span, step: usize, turn: Turn) {
        match self.steps.entry(((at.start, at.end), step)) {
            Entry::Vacant(entry) => _ = entry.insert((turn, note)),
            Entry::Occupied(mut entry) if entry.get().0 <= turn => _ = entry.insert((turn, note)),
            Entry::Occupied(_) => {}
        }
    }

    /// Some of the samples can't be had: of the whole query, not of a place in it.
    pub fn incomplete(&mut self, text: &str) {
        self.incomplete.insert(text.to_owned());
    }

    /// The warnings and the infos, as Prometheus writes them.
    pub fn render(mut self, query: &str) -> (Vec<String>, Vec<String>) {
        for (((start, end), _), (_, note)) in std::mem::take(&mut self.steps) {
            self.add(&note, "", Span { start, end });
        }
        let (mut warnings, mut infos) = (Vec::from_iter(self.incomplete), Vec::new());
        for ((level, text), merged) in &self.notes {
            let start = merged.place.shown();
            let place = Position::of(query, Span { start, end: start });
            let detail = merged.describe();
            match level {
                Level::Warning => warnings.push(format!("PromQL warning: {text}{detail} ({place})")),
                Level::Info => infos.push(format!("PromQL info: {text}{detail} ({place})")),
            }
        }
        (warnings, infos)
    }
}

// === impl Place ===

impl Place {
    /// Rises in the order of evaluation: arguments from left to right, then what has them.
    fn order(self) -> (u32, Reverse<u32>) {
        let (Self::At(span) | Self::Within(_, span) | Self::Subquery(span)) = self;
        (span.end, Reverse(span.start))
    }

    fn key(self) -> forced::Key {
        let (Self::At(span) | Self::Within(_, span) | Self::Subquery(span)) = self;
        (span.start, span.end)
    }

    fn shown(self) -> u32 {
        match self {
            Self::At(span) | Self::Within(span, _) => span.start,
            Self::Subquery(_) => 0,
        }
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::At(span)
    }
}

// === impl Merged ===

impl Merged {
    fn describe(&self) -> String {
        match self.forced {
            Some(forced) => forced.describe(&self.counts),
            None if self.overlaps && self.times > 1 => format!(" ({} occurrences)", self.times),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;

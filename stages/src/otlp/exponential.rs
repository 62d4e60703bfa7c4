//! Exponential histograms, which become native ones.
//!
//! Source: `storage/remote/otlptranslator/prometheusremotewrite/histograms.go` of Prometheus 3.14.

use std::sync::Arc;

use weir_pipeline::histogram::{BucketSpan, Buckets};
use weir_pipeline::varint::unzigzag;
use weir_pipeline::{Histogram, HistogramPoint, STALE};

use crate::remote_write::histogram::{Read, check_count, sound};
use crate::remote_write::wire::{Cursor, LEN, Malformed, VARINT, key};

/// How far the zero bucket reaches where the sender does not say.
const ZERO_THRESHOLD: f64 = 1e-128;

/// The most buckets of one sign.
const MOST: usize = 1 << 16;

/// The fields that an exponential histogram alone has.
#[derive(Default)]
pub(super) struct Exponential {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) scale: i32,
    pub(super) zero_count: u64,
    pub(super) zero_threshold: f64,
    pub(super) positive: Side,
    pub(super) negative: Side,
}

/// The buckets of one sign: the index of the first, and the observations in each.
#[derive(Default)]
pub(super) struct Side {
    offset: i32,
    counts: Vec<u64>,
}

// === impl Exponential ===

impl Exponential {
    /// The histogram, or what is wrong with it. One without a value marks the end of its series.
    pub(super) fn point(self, start: i64, timestamp: i64, is_empty: bool) -> Read {
        let mut found = [self.positive.total(), self.negative.total(), Some(self.zero_count)].into_iter();
        let found = found.try_fold(0u64, |sum, some| sum.checked_add(some?));
        let mut histogram = Histogram {
            schema: self.scale,
            zero_threshold: if self.zero_threshold == 0.0 { ZERO_THRESHOLD } else { self.zero_threshold },
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive: self.positive.buckets(),
            negative: self.negative.buckets(),
            ..Histogram::default()
        };
        if is_empty {
            histogram = Histogram { sum: STALE, ..Histogram::default() };
        } else {
            check_count(found, self.count, self.sum)?;
        }
        Ok(HistogramPoint { timestamp, start, histogram: Arc::new(sound(histogram)?) })
    }
}

// === impl Side ===

impl Side {
    /// Reads `Buckets`.
    pub(super) fn read(&mut self, mut cursor: Cursor<'_>) -> Result<(), Malformed> {
        const OFFSET: u32 = key(1, VARINT);
        const COUNTS: u32 = key(2, LEN);
        const COUNTS_ONE: u32 = key(2, VARINT);
        while let Some(key) = cursor.key()? {
            match key {
                OFFSET => self.offset = i32::try_from(unzigzag(cursor.varint()?)).unwrap_or(i32::MAX),
                COUNTS => {
                    let mut packed = cursor.message()?;
                    while !packed.is_empty() {
                        self.push(&mut packed)?;
                    }
                }
                COUNTS_ONE => self.push(&mut cursor)?,
                _ => cursor.skip(key, 0b110)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.counts.len() >= MOST {
            return Err(Malformed { at: cursor.pos(), what: "a histogram of more than 65536 buckets" });
        }
        self.counts.push(cursor.varint()?);
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        self.counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count))
    }

    /// The same in Prometheus' numbers, where a bucket is called by its upper bound, not by its lower one.
    fn buckets(&self) -> Buckets {
        let (Some(first), Some(last)) =
            (self.counts.iter().position(|count| *count > 0), self.counts.iter().rposition(|count| *count > 0))
        else {
            return Buckets::default();
        };
        let counts: Vec<f64> =
            self.counts.get(first..=last).unwrap_or_default().iter().map(|count| *count as f64).collect();
        let offset = i64::from(self.offset) + first as i64 + 1;
        let span = BucketSpan { offset: i32::try_from(offset).unwrap_or(i32::MAX), length: counts.len() as u32 };
        Buckets { spans: vec![span], counts }
    }
}

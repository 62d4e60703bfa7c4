//! What `sum` and `avg` keep of the native histograms of one group at one step.

use weir_pipeline::Histogram;

use super::OfHistograms;
use crate::annotations::{HistogramOperation, Note, Notes};
use crate::histogram::{CompensatedMean, CompensatedSum, Incompatible, compact};

/// The sum or the mean of histograms so far.
#[derive(Clone, Debug)]
pub struct Histograms {
    total: Total,
    /// Whether exponential and custom buckets met: then there is no result.
    incompatible: bool,
}

#[derive(Clone, Debug)]
enum Total {
    Sum(CompensatedSum),
    Mean(CompensatedMean),
}

// === impl Histograms ===

impl Histograms {
    /// The state after the first histogram; `None` where the aggregation adds up none.
    pub fn of(how: OfHistograms, histogram: &Histogram) -> Option<Self> {
        let total = match how {
            OfHistograms::Summed => Total::Sum(CompensatedSum::new(histogram.clone())),
            OfHistograms::Averaged => Total::Mean(CompensatedMean::new(histogram.clone())),
            OfHistograms::Ignored | OfHistograms::Counted => return None,
        };
        Some(Self { total, incompatible: false })
    }

    /// Takes in a histogram.
    pub fn add(&mut self, histogram: &Histogram) {
        if !self.incompatible {
            let added = match &mut self.total {
                Total::Sum(sum) => sum.add(histogram),
                Total::Mean(mean) => mean.add(histogram),
            };
            self.incompatible = added.is_err();
        }
    }

    /// Whether exponential and custom buckets met: then there is no result, whatever comes.
    pub fn is_incompatible(&self) -> bool {
        self.incompatible
    }

    /// Takes in another state of the same aggregation.
    pub fn merge(&mut self, other: Self) {
        let merged = match (&mut self.total, other.total) {
            _ if self.incompatible || other.incompatible => Err(Incompatible),
            (Total::Sum(own), Total::Sum(other)) => own.merge(&other),
            (Total::Mean(own), Total::Mean(other)) => own.merge(other),
            _ => Err(Incompatible),
        };
        self.incompatible = merged.is_err();
    }

    /// The result, and what there is to say of it: of the metric whose histograms do not go together, and of the argument
    /// of the aggregation.
    pub fn result(&self, notes: &mut Notes) -> Option<Histogram> {
        let (reconciled, collide) = match &self.total {
            Total::Sum(sum) => (sum.reconciled_bounds(), sum.resets_collide()),
            Total::Mean(mean) => (mean.reconciled_bounds(), mean.resets_collide()),
        };
        if reconciled {
            notes.push(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation));
        }
        if self.incompatible {
            notes.push(Note::MixedExponentialCustom);
            return None;
        }
        if collide {
            notes.push(Note::CounterResetCollision(HistogramOperation::Aggregation));
        }
        let mut result = match &self.total {
            Total::Sum(sum) => sum.total(),
            Total::Mean(mean) => mean.mean(),
        };
        compact(&mut result, 0);
        Some(result)
    }

    /// Appends an encoding that keeps every bit. Between the operators of one process: not a format that is stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let is_mean = u8::from(matches!(self.total, Total::Mean(_)));
        out.push(is_mean << 1 | u8::from(self.incompatible));
        match &self.total {
            Total::Sum(sum) => sum.encode(out),
            Total::Mean(mean) => mean.encode(out),
        }
    }

    /// Takes an encoded state off `data`; `None` where there is none.
    pub fn decode(data: &mut &[u8]) -> Option<Self> {
        let (bits, rest) = data.split_first()?;
        *data = rest;
        let total = match bits >> 1 {
            0 => Total::Sum(CompensatedSum::decode(data)?),
            1 => Total::Mean(CompensatedMean::decode(data)?),
            _ => return None,
        };
        Some(Self { total, incompatible: bits & 1 == 1 })
    }
}

//! `relabel`: rewrites the labels of series, or drops series, by Prometheus' relabel rules.
//!
//! ```yaml
//! relabel:
//!   rules:
//!     - { source_labels: [__name__], regex: "go_gc_.*", action: drop }
//!     - { source_labels: [instance], regex: "([^:]+):.*", target_label: host }
//! ```
//!
//! In a pipeline file `${name}` is a variable of the environment: write `$${name}` for the group of that name. `$1` and
//! `${1}` need nothing.
//!
//! Shape: series keep their place in the batch. Rules run in order; one that drops ends the list. Two series that end up
//! with the same labels both stay, as two entries of one series: what comes after merges them. A series without any
//! label left is dropped. Metadata go on unchanged.
//!
//! Errors: none. Samples of dropped series are counted as dropped, reason `relabel`; those of a series for which
//! `labelmap` made an empty label name as rejected, reason `invalid_label_name`, as a Prometheus that got it would.
//!
//! Order: after the source and before anything that places series by their labels (`shard`), since it changes them.
//!
//! Source: `model/relabel/relabel.go` of Prometheus 3.14, with names validated as UTF-8.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::units::Bytes;
use weir_pipeline::{Ack, Batch, Labels, Outcome, Result, Transform};

use crate::memo::{Memo, Remember};

mod case;
mod edit;
mod rule;

use edit::Edit;
pub use rule::{Action, InvalidRule, Rule};

/// Rewrites the labels of series, or drops series, by Prometheus' relabel rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relabel {
    /// The rules, in order.
    rules: Arc<[Rule]>,
    /// What the memory of earlier decisions may take, shared by all that pass through the stage; `0` for no memory.
    /// Default `32MiB`, room for some 150,000 rewritten series.
    #[serde(default = "default_cache")]
    cache: Bytes,
    #[serde(skip)]
    memo: Arc<OnceLock<Memo<Verdict>>>,
}

/// What becomes of a series.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// It goes on as it is.
    Same,
    /// It goes on under these labels, in canonical encoding.
    Changed(Arc<[u8]>),
    /// A rule drops it.
    Dropped,
    /// It has an empty label name.
    Invalid,
}

fn default_cache() -> Bytes {
    Bytes::mib(32)
}

// === impl Relabel ===

impl Relabel {
    /// These rules, without a memory: for label sets one by one.
    pub(crate) fn of(rules: Arc<[Rule]>) -> Self {
        Self { rules, cache: Bytes::new(0), memo: Arc::default() }
    }

    /// Whether there is no rule.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the rules make of one label set; `None` where they drop it or leave nothing.
    pub fn relabel(&self, labels: Labels<'_>) -> Option<weir_pipeline::LabelSet> {
        match self.decide(labels) {
            Verdict::Same => Some(labels.to_set()),
            Verdict::Changed(encoded) => Some(Labels::from_canonical(&encoded).to_set()),
            Verdict::Dropped | Verdict::Invalid => None,
        }
    }

    fn decide(&self, labels: Labels<'_>) -> Verdict {
        let mut edit = Edit::new(labels);
        if !self.rules.iter().all(|rule| rule.apply(&mut edit)) {
            return Verdict::Dropped;
        }
        if edit.has_empty_name() {
            return Verdict::Invalid;
        }
        let mut encoded = Vec::new();
        edit.encode_into(&mut encoded);
        match encoded.as_slice() {
            [] => Verdict::Dropped,
            same if same == labels.encoded() => Verdict::Same,
            _ => Verdict::Changed(encoded.into()),
        }
    }
}

impl Default for Relabel {
    fn default() -> Self {
        Self::of([].into())
    }
}

impl Transform for Relabel {
    const NAME: &'static str = "relabel";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let memo = self.memo.get_or_init(|| Memo::new(self.cache.get()));
        let verdicts = memo.recall(&batch, |labels| self.decide(labels));
        let mut ack = Ack::default();
        if verdicts.iter().all(|v| *v == Verdict::Same) {
            return Ok((batch, ack));
        }
        let mut out = Batch::builder(batch.tenant().clone());
        for (series, verdict) in batch.iter().zip(&verdicts) {
            match verdict {
                Verdict::Same => _ = out.push_series(series.labels, series),
                Verdict::Changed(encoded) => _ = out.push_series(Labels::from_canonical(encoded), series),
                Verdict::Dropped => ack.add(Outcome::Dropped, reason::RELABEL, series.sample_count() as u64),
                Verdict::Invalid => {
                    let detail = format!("a relabel rule made an empty label name for {}", series.labels);
                    ack.reject_all(reason::INVALID_LABEL_NAME, detail, Counts::of_series(&series));
                }
            }
        }
        batch.metadata().iter().for_each(|metadata| _ = out.metadata(metadata.clone()));
        Ok((out.build(), ack))
    }
}

impl Remember for Verdict {
    fn heap_bytes(&self) -> usize {
        match self {
            // The two counters of an `Arc` lie beside its bytes.
            Self::Changed(encoded) => encoded.len() + 32,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;

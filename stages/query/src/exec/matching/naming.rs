//! The labels of a match's results.
//!
//! Source: `resultMetric` of Prometheus' `promql/engine.go`.

use weir_pipeline::Labels;
use weir_pipeline::labels::encode_label;

use super::Match;
use crate::functions::binary::drops_name;
use crate::labels::is_metadata;
use crate::syntax::ast::Group;

// === impl Match ===

impl Match {
    /// Puts the labels of a result in place of what is in `out`: those of the "many" side, with some of the "one" side.
    pub(super) fn name(&self, many: &[u8], one: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let own = Labels::from_canonical(many).iter().filter(|(name, _)| self.keeps(name));
        if self.include.is_empty() {
            own.for_each(|(name, value)| encode_label(name, value, out));
            return;
        }
        let is_included = |name: &str| self.include.iter().any(|n| n == name);
        let included = Labels::from_canonical(one).iter().filter(|(name, _)| is_included(name));
        let mut labels: Vec<_> = own.filter(|(name, _)| !is_included(name)).chain(included).collect();
        labels.sort_unstable();
        labels.iter().for_each(|(name, value)| encode_label(name, value, out));
    }

    fn keeps(&self, name: &str) -> bool {
        let renamed = drops_name(self.op, false) && is_metadata(name);
        !renamed && (self.group != Group::OneToOne || self.by.on == self.by.labels.iter().any(|n| n == name))
    }

    /// Whether two series of the "many" side may have the same labels in the result, and not at the same step.
    pub(super) fn may_merge(&self, steps: usize) -> bool {
        let renames = drops_name(self.op, false) || !self.include.is_empty();
        match self.group {
            // At a single step, series meet one to one at most, which is looked at beside.
            Group::OneToOne | Group::ManyToMany => steps > 1,
            Group::Left | Group::Right => renames || (steps > 1 && self.fill_many.is_some()),
        }
    }
}

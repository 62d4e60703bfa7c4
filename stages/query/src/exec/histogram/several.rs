//! Several quantiles of each histogram: a row for each, which a label tells apart.

use std::collections::HashMap;

use datafusion::common::Result;
use weir_pipeline::Labels;

use super::{Collecting, without};
use crate::annotations::go_float;
use crate::exec::gather::ambiguous;
use crate::exec::steps::{VectorBatch, VectorBuilder};

/// The rows of one group, by their quantile.
struct Rows {
    steps: usize,
    index: HashMap<String, Vec<usize>>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

/// Which label sets are the same once `label` is set to the same: the places of each.
pub(super) fn groups<'a>(all: impl Iterator<Item = &'a [u8]> + Clone, label: &str) -> Vec<Vec<usize>> {
    if all.clone().all(|labels| Labels::from_canonical(labels).get(label).is_none()) {
        return all.enumerate().map(|(place, _)| vec![place]).collect();
    }
    let (mut groups, mut index): (Vec<Vec<usize>>, _) = (Vec::new(), HashMap::new());
    for (place, labels) in all.enumerate() {
        let group = *index.entry(without(Labels::from_canonical(labels), label)).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

/// A quantile as a label's value. Source: `FormatOpenMetricsFloat` of Prometheus' `model/labels`.
fn text(quantile: f64) -> String {
    if quantile == 0.0 {
        return "0.0".to_owned();
    }
    let text = go_float(quantile);
    if quantile.is_finite() && !text.contains(['e', '.']) { format!("{text}.0") } else { text }
}

impl Collecting {
    /// The answers of a group of histograms, as a row for each quantile.
    pub(super) fn quantiles(
        &mut self,
        label: &str,
        group: &[usize],
        columns: &[VectorBatch<'_>],
        out: &mut VectorBuilder,
    ) -> Result<()> {
        let steps = self.spec.steps.count;
        let natives = group.iter().map(|&member| self.natives(member, columns)).collect::<Result<Vec<_>>>()?;
        let mut rows = Rows { steps, index: HashMap::new(), rows: Vec::new() };
        for step in 0..steps {
            let observed = group.iter().zip(&natives);
            let observed = observed.map(|(&member, native)| (member, self.observed(member, native, columns, step)));
            let mut observed: Vec<_> = observed.filter_map(|(member, observed)| Some((member, observed?))).collect();
            for arg in 0..self.spec.args.len() {
                for (member, observed) in &mut observed {
                    let value = self.answer(*member, observed, arg, step);
                    rows.put(&text(self.task.params.get(arg, step)), step, value)?;
                }
            }
        }
        let Some(member) = group.first().and_then(|&member| self.members.get(member)) else { return Ok(()) };
        let labels = Labels::from_canonical(&member.labels);
        for (quantile, values) in rows.rows {
            let own = labels.to_builder().set(label, quantile).build();
            out.push(own.as_labels().encoded(), true, values.into_iter());
        }
        Ok(())
    }
}

// === impl Rows ===

impl Rows {
    /// As in Prometheus, only over several steps is it an error for two series to have the same labels, as long as nobody
    /// looks.
    fn put(&mut self, quantile: &str, step: usize, value: f64) -> Result<()> {
        let own = self.index.get(quantile).map_or(&[][..], Vec::as_slice);
        for &row in own {
            match self.rows.get_mut(row).and_then(|(_, values)| values.get_mut(step)) {
                Some(slot @ None) => {
                    *slot = Some(value);
                    return Ok(());
                }
                _ if self.steps > 1 => return Err(ambiguous()),
                _ => {}
            }
        }
        let mut values = vec![None; self.steps];
        if let Some(slot) = values.get_mut(step) {
            *slot = Some(value);
        }
        self.index.entry(quantile.to_owned()).or_default().push(self.rows.len());
        self.rows.push((quantile.to_owned(), values));
        Ok(())
    }
}

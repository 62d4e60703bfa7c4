//! What recent series are made of.

/// What the recent series of a tenant are made of: what makes them many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// How many series there are.
    pub series: u64,
    /// How many different pairs of a label and a value.
    pub label_pairs: u64,
    /// How many chunks of samples.
    pub chunks: u64,
    /// The times of the first and the last sample, in milliseconds since the Unix epoch; `None` where there is none.
    pub times: Option<(i64, i64)>,
    /// The metrics with the most series.
    pub by_metric: Vec<(String, u64)>,
    /// The labels with the most values.
    pub values_by_label: Vec<(String, u64)>,
    /// The labels whose values take the most bytes, each counted for each series that has it.
    pub bytes_by_label: Vec<(String, u64)>,
    /// The pairs `label=value` with the most series.
    pub by_pair: Vec<(String, u64)>,
}

/// Keeps those of which there is most.
#[derive(Debug)]
pub struct Most {
    limit: usize,
    /// What is less is not kept.
    least: u64,
    /// At most twice `limit`.
    kept: Vec<(String, u64)>,
}

// === impl Most ===

impl Most {
    /// Keeps `limit`.
    pub fn new(limit: usize) -> Self {
        Self { limit, least: 0, kept: Vec::new() }
    }

    /// Offers one, whose name is made only where it may be kept.
    pub fn offer(&mut self, count: u64, name: impl FnOnce() -> String) {
        if self.kept.len() >= self.limit.saturating_mul(2) {
            self.cut();
            self.least = self.kept.last().map_or(0, |(_, least)| *least);
        }
        if self.limit > 0 && count >= self.least {
            self.kept.push((name(), count));
        }
    }

    /// Those of which there is most, the most first; of as many, in the order of their names.
    pub fn into_vec(mut self) -> Vec<(String, u64)> {
        self.cut();
        self.kept
    }

    fn cut(&mut self) {
        self.kept.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.kept.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests;

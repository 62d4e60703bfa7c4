//! What few series of a batch have: all of it in one list, and where that of each series ends.

/// Items of the series of a batch. Takes nothing while there is none.
pub(super) struct Column<T> {
    items: Vec<T>,
    /// Parallel to the series; empty where there is no item.
    ends: Vec<u32>,
}

// === impl Column ===

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Column<T> {
    /// A series begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        if !self.items.is_empty() {
            self.ends.push(self.items.len() as u32);
        }
    }

    /// Adds to the series begun last, the `series`-th, counted from 1.
    pub(super) fn push(&mut self, series: usize, item: T) {
        // The first item brings the column; the series before it have none.
        if self.items.is_empty() {
            self.ends.resize(series, 0);
        }
        self.items.push(item);
        if let Some(end) = self.ends.last_mut() {
            *end = self.items.len() as u32;
        }
    }

    /// The items of a series.
    #[inline]
    pub(super) fn of(&self, series: usize) -> &[T] {
        let Some(&end) = self.ends.get(series) else { return &[] };
        let start = series.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        self.items.get(start..end as usize).unwrap_or_default()
    }

    /// The items of all series.
    pub(super) fn all(&self) -> &[T] {
        &self.items
    }
}

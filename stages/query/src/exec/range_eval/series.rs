//! One series, and the windows that move over it.

use weir_pipeline::HistogramPoint;

use crate::functions::range::Window;

/// The samples of one series, as the function may see them.
pub(super) struct Series<'a> {
    timestamps: &'a [i64],
    values: &'a [f64],
    starts: &'a [i64],
    histograms: &'a [HistogramPoint],
    /// Where the window of the step before began and ended, in floats and in histograms.
    floats: (usize, usize),
    points: (usize, usize),
}

// === impl Series ===

impl<'a> Series<'a> {
    pub(super) fn new(
        timestamps: &'a [i64],
        values: &'a [f64],
        starts: &'a [i64],
        histograms: &'a [HistogramPoint],
    ) -> Self {
        Self { timestamps, values, starts, histograms, floats: (0, 0), points: (0, 0) }
    }

    /// The samples after `start` and not after `end`, neither of which goes back; `None` where there is none.
    pub(super) fn move_to(&mut self, start: i64, end: i64) -> Option<Window<'a>> {
        let (from, to) = &mut self.floats;
        *to += self.timestamps.get(*to..)?.iter().take_while(|&&t| t <= end).count();
        *from += self.timestamps.get(*from..*to)?.iter().take_while(|&&t| t <= start).count();
        let floats = *from..*to;
        let mut histograms: &[HistogramPoint] = &[];
        if !self.histograms.is_empty() {
            let (from, to) = &mut self.points;
            *to += self.histograms.get(*to..)?.iter().take_while(|point| point.timestamp <= end).count();
            *from += self.histograms.get(*from..*to)?.iter().take_while(|point| point.timestamp <= start).count();
            histograms = self.histograms.get(*from..*to)?;
        }
        if floats.is_empty() && histograms.is_empty() {
            return None;
        }
        Some(Window {
            timestamps: self.timestamps.get(floats.clone())?,
            values: self.values.get(floats.clone())?,
            starts: self.starts.get(floats).unwrap_or_default(),
            histograms,
            ..Window::default()
        })
    }
}

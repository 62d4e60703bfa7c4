//! From the chunks of a series to runs.

use super::{Run, Series};
use crate::lasts::Lasts;
use crate::merge::merge_histograms;

/// Decodes the head's chunks into as few runs as can be. Histograms are in the first one.
pub(super) fn decode(i: usize, series: &Series, (start, end): (i64, i64), lasts: Option<Lasts>, runs: &mut Vec<Run>) {
    let first = runs.len();
    let mut pieces: Vec<_> = series.head.iter().map(|piece| piece.chunk()).collect();
    if !pieces.is_sorted_by_key(|chunk| chunk.min_ts()) {
        pieces.sort_by_key(|chunk| chunk.min_ts());
    }
    let mut histograms = Vec::new();
    for chunk in pieces {
        if chunk.has_histograms() {
            histograms.extend(chunk.histograms().filter(|point| (start..=end).contains(&point.timestamp)));
            continue;
        }
        let fits = |run: &Run| run.timestamps.last().is_none_or(|last| *last < chunk.min_ts());
        let run = match runs.get(first..).and_then(|own| own.iter().position(fits)) {
            Some(n) => first + n,
            None => {
                let (timestamps, values) = (Vec::with_capacity(series.samples), Vec::with_capacity(series.samples));
                runs.push(Run { series: i, timestamps, values, ..Run::default() });
                runs.len() - 1
            }
        };
        if let Some(run) = runs.get_mut(run) {
            chunk.decode_since((start, end), run.floats_mut());
        }
    }
    if let Some(lasts) = &lasts {
        for Run { timestamps, values, starts, .. } in runs.iter_mut().skip(first) {
            lasts.keep(timestamps, values, starts);
            // Most of the room that all took is not needed.
            timestamps.shrink_to_fit();
            values.shrink_to_fit();
        }
    }
    let mut at = first;
    while let Some(run) = runs.get(at) {
        if run.timestamps.is_empty() {
            runs.remove(at);
        } else {
            at += 1;
        }
    }
    if !histograms.is_empty() {
        merge_histograms(&mut histograms);
        match runs.get_mut(first) {
            Some(run) => run.histograms = histograms,
            None => runs.push(Run { series: i, histograms, ..Run::default() }),
        }
    }
}

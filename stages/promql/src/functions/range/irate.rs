//! `irate(m[d])` and `idelta(m[d])`: the change between the last two samples of a window, for `irate` per second.

use std::sync::Arc;

use weir_pipeline::Value;

use super::merged::{Either, last_two};
use super::noted::{self, finish_difference, is_gauge};
use super::{RangeFunction, Window, seconds_between};
use crate::annotations::{Note, Notes};
use crate::histogram::{detect_reset, divide};

/// `irate`
pub(super) static IRATE: RangeFunction = RangeFunction::new("irate", |window, notes| change(window, true, notes));

/// `idelta`
pub(super) static IDELTA: RangeFunction = RangeFunction::new("idelta", |window, notes| change(window, false, notes));

fn change(window: &Window<'_>, counter: bool, notes: &mut Notes) -> Option<Value> {
    let [before, last] = last_two(window)?;
    if before.stamp.time == last.stamp.time {
        return None;
    }
    let seconds = seconds_between(before.stamp.time, last.stamp.time);
    match (before.value, last.value) {
        (Either::Float(b), Either::Float(l)) => {
            // After a reset the counter has counted all that it shows.
            let reset = counter && (l < b || last.stamp.is_reset_after(before.stamp));
            let change = if reset { l } else { l - b };
            Some(Value::Float(if counter { change / seconds } else { change }))
        }
        (Either::Histogram(b), Either::Histogram(l)) => {
            if counter && (is_gauge(b) || is_gauge(l)) {
                notes.push(Note::HistogramNotCounter);
            }
            if !(counter || is_gauge(b) && is_gauge(l)) {
                notes.push(Note::HistogramNotGauge);
            }
            let mut change = l.clone();
            if !(counter && (last.stamp.is_reset_after(before.stamp) || detect_reset(l, b))) {
                noted::sub(&mut change, b, notes)?;
            }
            finish_difference(&mut change);
            if counter {
                divide(&mut change, seconds);
            }
            Some(Value::Histogram(Arc::new(change)))
        }
        _ => {
            notes.push(Note::MixedFloatsHistograms);
            None
        }
    }
}

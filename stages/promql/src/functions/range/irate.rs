//! `irate(m[d])` and `idelta(m[d])`: the change between the last two samples of a window, for `irate` per second.

use weir_pipeline::Value;

use super::merged::{Either, last_two};
use super::{RangeFunction, Window, seconds_between};
use crate::annotations::{Note, Notes};

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
        (Either::Histogram(_), Either::Histogram(_)) => None,
        _ => {
            notes.push(Note::MixedFloatsHistograms);
            None
        }
    }
}

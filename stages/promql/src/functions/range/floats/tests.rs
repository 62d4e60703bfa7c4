#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use weir_pipeline::{STALE, Value, is_stale};

use super::{Floats, Places};
use crate::annotations::Notes;
use crate::functions::range::{RANGE_FUNCTIONS, RangeFunction, Window};

/// Series as they come: some samples missing, some values of every kind.
fn series() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    let value = prop_oneof![
        6 => (0..50_i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(-0.0),
        1 => Just(0.0),
        1 => Just(f64::INFINITY),
        1 => any::<f64>(),
        1 => Just(STALE),
    ];
    (prop::collection::vec((1..40_i64, value), 0..60), any::<bool>()).prop_map(|(mut gaps, counts)| {
        if counts {
            gaps.retain(|(_, value)| !value.is_nan());
            let mut total = 0.0;
            for (_, value) in &mut gaps {
                total += value.abs();
                *value = total;
            }
        }
        let mut time = 0;
        gaps.into_iter()
            .map(|(gap, value)| {
                time += gap;
                (time, value)
            })
            .unzip()
    })
}

/// The value of each step, window by window.
fn one_by_one(function: &RangeFunction, floats: &Floats<'_>) -> Vec<Option<u64>> {
    let eval = |step: usize| {
        let window = floats.window(step).unwrap();
        let window = Window { step: window.end, ..window };
        if window.is_empty() {
            return None;
        }
        let mut notes = Notes::default();
        let value = (function.eval)(&window, &mut notes);
        assert!(notes.is_empty(), "{} notes something", function.name);
        value.map(|value| match value {
            Value::Float(value) => value.to_bits(),
            Value::Histogram(_) => panic!("expected a float"),
        })
    };
    (0..floats.windows.len()).map(eval).collect()
}

fn windows(timestamps: &[i64], (end, step, range): (i64, i64, i64), count: i64) -> Vec<(u32, u32)> {
    let place = |time: i64| timestamps.partition_point(|t| *t <= time) as u32;
    (0..count).map(|i| end + i * step).map(|end| (place(end - range), place(end))).collect()
}

proptest! {
    #[test]
    fn all_windows_at_once_are_what_they_are_one_by_one(
        (timestamps, values) in series(),
        times in (0..300_i64, 1..60_i64, 1..400_i64),
    ) {
        let windows = windows(&timestamps, times, 30);
        let (end, step, range) = times;
        for function in RANGE_FUNCTIONS {
            let Some(of_floats) = function.of_floats else { continue };
            let stale = |value: &f64| is_stale(*value);
            if !function.sees_stale && values.iter().any(stale) {
                continue;
            }
            let floats = Floats { timestamps: &timestamps, values: &values, windows: &windows, end, step, range };
            let (mut out, mut valid) = (vec![0.0; windows.len()], vec![false; windows.len()]);
            of_floats(&floats, Places { values: &mut out, valid: &mut valid });
            let found: Vec<_> = out.iter().zip(&valid).map(|(v, is)| is.then_some(v.to_bits())).collect();
            prop_assert_eq!(found, one_by_one(function, &floats), "{}", function.name);
        }
    }
}

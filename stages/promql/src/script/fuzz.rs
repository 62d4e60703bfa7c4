//! The law of this module, for any bytes.

use super::{CommandKind, MAX_SAMPLES, Storage, format_histogram, literal, parse};

/// Parsing and loading never panic, what is parsed is bounded, and a histogram that is printed reads back the same.
///
/// # Panics
/// The law does not hold.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let commands = match parse(text) {
        Ok(commands) => commands,
        Err(error) => {
            let lines = text.split('\n').count();
            assert!((1..=lines).contains(&error.line), "the error of {text:?} is outside of it: {error}");
            return;
        }
    };
    let (mut storage, mut total) = (Storage::default(), 0);
    for command in commands {
        match command.kind {
            CommandKind::Clear => storage.clear(),
            CommandKind::Load(load) => {
                total += load.series.iter().map(|series| series.values.len()).sum::<usize>();
                // Whether it is valid is not the question.
                let _ = storage.load(&load);
            }
            CommandKind::Eval(eval) => {
                let series = &eval.expect.value.series;
                total += series.iter().map(|series| series.values.len()).sum::<usize>();
                let items = series.iter().flat_map(|series| series.values.iter().flatten());
                items.filter_map(|item| item.value.histogram()).take(10).for_each(|histogram| round_trip(histogram));
            }
        }
    }
    assert!(total <= MAX_SAMPLES, "{total} samples in {text:?}");
}

fn round_trip(histogram: &weir_pipeline::Histogram) {
    let printed = format_histogram(histogram);
    match literal::read(&printed) {
        Ok((again, _, "")) => assert_eq!(format_histogram(&again), printed, "{histogram:?}"),
        other => unreachable!("{histogram:?} prints as {printed:?}, which reads as {other:?}"),
    }
}

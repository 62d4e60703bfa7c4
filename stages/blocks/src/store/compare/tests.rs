#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use proptest::prelude::*;
use weir_pipeline::Histogram;

use super::*;

/// A stale marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

fn histogram(timestamp: i64, count: f64) -> HistogramPoint {
    let histogram = Histogram { count, sum: count / 2.0, ..Histogram::default() };
    HistogramPoint { timestamp, start: 0, histogram: Arc::new(histogram) }
}

fn float(timestamp: i64, value: f64, start: i64) -> Samples {
    let mut out = Samples::from_iter([(timestamp, value)]);
    starts::append(&mut out.starts, 0, 1, &[start]);
    out
}

/// Samples as stores have them: one for each time.
fn samples() -> impl Strategy<Value = Samples> {
    let value = prop::sample::select(vec![1.0, 2.0, -1.0, 0.0, -0.0, f64::NAN, f64::from_bits(STALE), f64::INFINITY]);
    let floats = prop::collection::vec((0i64..20, value, prop::sample::select(vec![0, 0, -3, -2])), 0..20);
    let histograms = prop::collection::vec((0i64..20, 0u8..3), 0..4);
    (floats, histograms).prop_map(|(floats, histograms)| {
        let floats = floats.into_iter().map(|(t, v, start)| float(t, v, start));
        let histogram = |(t, count)| Samples { histograms: vec![histogram(t, f64::from(count))], ..Samples::default() };
        let histograms = histograms.into_iter().map(histogram);
        union(&floats.chain(histograms).collect::<Vec<_>>())
    })
}

fn run(samples: &Samples) -> Run {
    let Samples { timestamps, values, starts, histograms } = samples.clone();
    Run { timestamps, values, starts, histograms, series: 0 }
}

fn union(all: &[Samples]) -> Samples {
    let runs: Vec<_> = all.iter().map(run).collect();
    merged(&runs, 0..1).0.pop().unwrap()
}

/// Samples with the bits of their values.
fn bits(samples: &Samples) -> (Vec<i64>, Vec<u64>, Vec<i64>, Vec<HistogramPoint>) {
    let values = samples.values.iter().map(|value| value.to_bits()).collect();
    (samples.timestamps.clone(), values, samples.starts.clone(), samples.histograms.clone())
}

proptest! {
    #[test]
    fn what_is_taken_out_changes_nothing_and_what_is_left_does(own in samples(), there in samples()) {
        let mut rest = own.clone();
        subtract(&mut rest, &there);
        prop_assert_eq!(bits(&union(&[there.clone(), rest.clone()])), bits(&union(&[there.clone(), own.clone()])));
        prop_assert_eq!(has_all(&there, &run(&own)), rest.is_empty());
        let floats = rest.timestamps.iter().zip(&rest.values).zip(starts::each(&rest.starts));
        let floats = floats.map(|((t, v), start)| float(*t, *v, start));
        let histograms = rest.histograms.iter().map(|h| Samples { histograms: vec![h.clone()], ..Samples::default() });
        for one in floats.chain(histograms) {
            prop_assert!(bits(&union(&[there.clone(), one])) != bits(&there));
        }
        prop_assert!(has_all(&union(&[there, rest]), &run(&own)));
    }
}

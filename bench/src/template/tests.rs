//! Tests of `template`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_stages::remote_write::{Limits, decode};

use super::*;

#[test]
fn a_filled_request_reads_as_the_series_of_its_round() {
    let population = Population::new(500);
    for version in Version::ALL {
        let mut template = Template::new(version, &population, &population.series[100..400], 100).unwrap();
        for (round, timestamp) in [(1, 1_690_000_000_123), (2, 1_893_456_789_000)] {
            let body = template.fill(round, timestamp).to_vec();
            let read = decode(&body, version, Tenant::default(), &Limits::default()).unwrap();
            assert!(read.refused.is_empty(), "{}", read.refused);
            assert_eq!(read.batch.sample_count(), 300);
            let mut walks = (100..400u64).map(|i| Walk::new(population.series[i as usize].shape, i));
            for (series, spec) in read.batch.iter().zip(&population.series[100..]) {
                let mut walk = walks.next().unwrap();
                let value = (1..=round).map(|r| walk.step(r)).last().unwrap();
                assert_eq!(series.labels, spec.labels.as_labels());
                assert_eq!((series.timestamps, series.values), (&[timestamp][..], &[value][..]));
            }
        }
    }
}

#![allow(missing_docs)]

use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA};

use super::*;

fn buckets(counts: &[f64]) -> Buckets {
    Buckets { spans: vec![BucketSpan { offset: 0, length: counts.len() as u32 }], counts: counts.to_vec() }
}

#[test]
fn a_histogram_is_written_with_its_buckets_ascending() {
    let histogram = Histogram {
        count: 20.0,
        sum: 10.0,
        zero_threshold: 0.001,
        zero_count: 2.0,
        positive: buckets(&[1.0, 0.0, 2.5]),
        negative: buckets(&[1.0, 2.0]),
        ..Histogram::default()
    };
    let wanted = "{count:20, sum:10, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:2.5}";
    assert_eq!(Text(&histogram).to_string(), wanted);
    assert_eq!(Text(&Histogram { count: 1e6, ..Histogram::default() }).to_string(), "{count:1e+06, sum:0}");
}

#[test]
fn the_last_custom_bucket_has_no_end() {
    let positive = buckets(&[1.0, 2.0]);
    let histogram = Histogram { schema: CUSTOM_SCHEMA, custom: vec![5.0], positive, ..Histogram::default() };
    assert_eq!(Text(&histogram).to_string(), "{count:0, sum:0, [-Inf,5]:1, (5,+Inf]:2}");
}

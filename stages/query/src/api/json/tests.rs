//! Tests of the numbers of the API.
#![allow(clippy::unwrap_used)]

use weir_pipeline::Histogram;
use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA};

use super::*;

#[test]
fn a_histogram_has_its_buckets_that_are_not_empty_each_with_the_rule_of_its_bounds() {
    let check = |histogram: Histogram, expected: &str| {
        let mut out = Vec::new();
        histogram::point(1500, &histogram, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("[1.500,{expected}]"), "{histogram:?}");
    };
    let buckets = |offset: i32, counts: &[f64]| Buckets {
        spans: vec![BucketSpan { offset, length: counts.len() as u32 }],
        counts: counts.to_vec(),
    };
    check(Histogram::default(), r#"{"count":"0","sum":"0"}"#);
    let exponential = Histogram {
        count: 10.0,
        sum: -1e-7,
        zero_threshold: 0.25,
        zero_count: 3.0,
        positive: buckets(0, &[1.0, 0.0, 2.5]),
        negative: buckets(1, &[3.5]),
        ..Histogram::default()
    };
    let expected = concat!(
        r#"{"count":"10","sum":"-1e-07","buckets":[[1,"-2","-1","3.5"],[3,"-0.25","0.25","3"],"#,
        r#"[0,"0.5","1","1"],[0,"2","4","2.5"]]}"#
    );
    check(exponential, expected);
    let custom = Histogram {
        schema: CUSTOM_SCHEMA,
        count: 10.0,
        sum: f64::NAN,
        custom: vec![-1.0, 0.0, 5.0],
        positive: buckets(0, &[1.0, 2.0, 3.0, 4.0]),
        ..Histogram::default()
    };
    let expected = concat!(
        r#"{"count":"10","sum":"NaN","buckets":[[3,"-Inf","-1","1"],[0,"-1","0","2"],"#,
        r#"[0,"0","5","3"],[0,"5","+Inf","4"]]}"#
    );
    check(custom, expected);
}

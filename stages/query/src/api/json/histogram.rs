//! Native histograms as JSON.
//!
//! Source: `MarshalHistogram` of Prometheus' `util/jsonutil/marshal.go`.

use weir_pipeline::Histogram;
use weir_promql::histogram::{Bucket, buckets};

use super::{number, timestamp};

/// `[time,{"count":"…","sum":"…","buckets":[[rule,"lower","upper","count"],…]}]`; a bucket without observations is left out.
pub(super) fn point(time: i64, histogram: &Histogram, out: &mut Vec<u8>) {
    out.push(b'[');
    timestamp(time, out);
    out.extend(b",{\"count\":");
    quoted(histogram.count, out);
    out.extend(b",\"sum\":");
    quoted(histogram.sum, out);
    let mut first = true;
    for bucket in buckets(histogram) {
        if bucket.count == 0.0 {
            continue;
        }
        out.extend(if first { b",\"buckets\":[".as_slice() } else { b"," });
        first = false;
        out.push(b'[');
        out.extend(rule(&bucket));
        for value in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            quoted(value, out);
        }
        out.push(b']');
    }
    if !first {
        out.push(b']');
    }
    out.extend(b"}]");
}

/// Which of its bounds belong to a bucket.
fn rule(bucket: &Bucket) -> &'static [u8] {
    match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => b"0",
        (true, false) => b"1",
        (false, false) => b"2",
        (true, true) => b"3",
    }
}

fn quoted(value: f64, out: &mut Vec<u8>) {
    out.push(b'"');
    number(value, out);
    out.push(b'"');
}

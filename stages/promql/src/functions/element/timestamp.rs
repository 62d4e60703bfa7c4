//! `timestamp(v)` of a vector that was computed. That of a selector is the sample's own, and the selector's to tell.

use weir_pipeline::Value;

use super::{Call, Drops, ElementFunction};

/// `timestamp`
pub(super) static TIMESTAMP: ElementFunction = ElementFunction {
    name: "timestamp",
    drops: Drops::Metadata,
    of_float: Some(|_, call| Some(seconds(call))),
    of_histogram: Some(|_, call| Some(Value::Float(seconds(call)))),
};

fn seconds(call: Call<'_>) -> f64 {
    call.time as f64 / 1000.0
}

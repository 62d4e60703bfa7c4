//! `timestamp(v)` and `start_timestamp(v)` of a vector that was computed. That of a selector is the sample's own, and the selector's to tell.

use weir_pipeline::Value;

use super::{Call, Drops, ElementFunction};

/// `timestamp`
pub(super) static TIMESTAMP: ElementFunction = ElementFunction {
    name: "timestamp",
    drops: Drops::Metadata,
    of_float: Some(|_, call| Some(seconds(call))),
    of_histogram: Some(|_, call| Some(Value::Float(seconds(call)))),
};

/// `start_timestamp`: what was computed has none.
pub(super) static START_TIMESTAMP: ElementFunction =
    ElementFunction { name: "start_timestamp", drops: Drops::Metadata, of_float: None, of_histogram: None };

fn seconds(call: Call<'_>) -> f64 {
    call.time as f64 / 1000.0
}

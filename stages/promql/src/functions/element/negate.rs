//! Unary minus.

use std::sync::Arc;

use weir_pipeline::{Histogram, Value};

use super::{Drops, ElementFunction};
use crate::histogram::scale;

/// `-v`: of a histogram a gauge.
pub(super) static NEGATE: ElementFunction = ElementFunction {
    name: "-",
    drops: Drops::Metadata,
    of_float: Some(|v, _| Some(-v)),
    of_histogram: Some(|histogram, _| Some(negate(histogram.clone()))),
};

fn negate(mut histogram: Histogram) -> Value {
    scale(&mut histogram, -1.0);
    Value::Histogram(Arc::new(histogram))
}

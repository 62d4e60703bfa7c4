//! What is known of the observations of a native histogram as a whole.

use weir_pipeline::Value;

use super::{ElementFunction, of_histograms};

/// `histogram_avg(v)`
pub(super) static AVG: ElementFunction = of_histograms("histogram_avg", |h, _| Some(Value::Float(h.sum / h.count)));

/// `histogram_count(v)`
pub(super) static COUNT: ElementFunction = of_histograms("histogram_count", |h, _| Some(Value::Float(h.count)));

/// `histogram_sum(v)`
pub(super) static SUM: ElementFunction = of_histograms("histogram_sum", |h, _| Some(Value::Float(h.sum)));

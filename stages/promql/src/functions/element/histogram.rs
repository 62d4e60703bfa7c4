//! What is known of the observations of a native histogram as a whole.

use weir_pipeline::Value;

use super::{ElementFunction, of_histograms};
use crate::histogram::{mean, stddev, variance};

/// `histogram_avg(v)`
pub(super) static AVG: ElementFunction = of_histograms("histogram_avg", |h, _| Some(Value::Float(mean(h))));

/// `histogram_count(v)`
pub(super) static COUNT: ElementFunction = of_histograms("histogram_count", |h, _| Some(Value::Float(h.count)));

/// `histogram_stddev(v)`
pub(super) static STDDEV: ElementFunction = of_histograms("histogram_stddev", |h, _| Some(Value::Float(stddev(h))));

/// `histogram_stdvar(v)`
pub(super) static STDVAR: ElementFunction = of_histograms("histogram_stdvar", |h, _| Some(Value::Float(variance(h))));

/// `histogram_sum(v)`
pub(super) static SUM: ElementFunction = of_histograms("histogram_sum", |h, _| Some(Value::Float(h.sum)));

//! Unary minus.

use weir_pipeline::Value;

use super::ElementFunction;

/// `-v`
pub(super) static NEGATE: ElementFunction =
    ElementFunction { name: "-", eval: |value, _, _| value.float().map(|float| Value::Float(-float)) };

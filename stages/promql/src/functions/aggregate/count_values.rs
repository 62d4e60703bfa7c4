//! `count_values("label", v)`: how many elements of a group have each value, which a label says.

use weir_pipeline::Value;

use crate::histogram::Text;

/// What the label says of a value.
pub fn label_value(value: &Value) -> String {
    match value {
        Value::Float(float) if float.is_infinite() => if *float > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        // Never with an exponent.
        Value::Float(float) => float.to_string(),
        Value::Histogram(histogram) => Text(histogram).to_string(),
    }
}

/// What is wrong with the label's name.
///
/// # Errors
/// It is empty.
pub fn check_label(name: &str) -> Result<(), String> {
    if name.is_empty() { Err("invalid label name \"\"".into()) } else { Ok(()) }
}

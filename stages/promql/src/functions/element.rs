//! Functions of one element of an instant vector: `abs(v)`, `clamp(v, min, max)`. One function, or one family of a shape,
//! per file.

use weir_pipeline::Value;

use crate::annotations::Notes;

mod negate;

/// When and with what an element function is called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The time of the step, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The numbers among the arguments, in their order.
    pub args: &'a [f64],
}

/// A function from an element to a value. The result has no name.
#[derive(Debug)]
pub struct ElementFunction {
    /// The name, as in PromQL.
    pub name: &'static str,
    /// The value, or none where there is none for this kind of element.
    pub eval: fn(&Value, Call<'_>, &mut Notes) -> Option<Value>,
}

/// Every element function, sorted by name. Unary minus is `-`.
pub static ELEMENT_FUNCTIONS: [&ElementFunction; 1] = [&negate::NEGATE];

/// The element function `name`.
pub fn find(name: &str) -> Option<&'static ElementFunction> {
    ELEMENT_FUNCTIONS.iter().find(|f| f.name == name).copied()
}

//! Unary minus.

use super::{Drops, ElementFunction};

/// `-v`
pub(super) static NEGATE: ElementFunction =
    ElementFunction { name: "-", drops: Drops::Metadata, of_float: Some(|v, _| Some(-v)), of_histogram: None };

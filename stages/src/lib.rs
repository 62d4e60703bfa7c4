//! weir-stages.

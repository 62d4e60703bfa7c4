//! weir-plugin-scale.

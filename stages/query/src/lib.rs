//! weir-query.

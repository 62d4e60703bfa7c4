//! Tests of `transform`.

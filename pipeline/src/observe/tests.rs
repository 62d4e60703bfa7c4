//! Tests of `observe`.

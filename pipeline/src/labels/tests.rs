//! Tests of `labels`.

//! Tests of `external_labels`.

//! Tests of `config`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bad;
mod env;
mod laws;
mod references;
mod settings;
mod whole;

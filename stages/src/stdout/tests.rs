//! Tests of `stdout`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use weir_pipeline::testing::{assert_sink_contract, documented, settings};

use super::*;

#[test]
fn the_example_in_the_docs_is_valid() {
    let sink: BTreeMap<String, Stdout> = documented(include_str!("../stdout.rs"), "sink");
    assert_eq!(sink["stdout"].format, Format::Json);
}

#[test]
fn wrong_settings_are_refused() {
    let wrong = settings::<Stdout>("{ path: a }").unwrap_err();
    assert_eq!(wrong, "1:3: path: unknown field `path`, expected one of `format`");
}

#[test]
fn it_keeps_the_contract() {
    assert_sink_contract::<Write>("stdout", |context| Stdout::default().open(context));
}

//! Tests of `stdout`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use weir_pipeline::testing::{documented, settings};

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

#[tokio::test]
async fn it_opens_anywhere() {
    let next = Stdout::default().open(&weir_pipeline::testing::context()).unwrap();
    assert_eq!(next.send(weir_pipeline::testing::batch("")).await.unwrap(), weir_pipeline::Ack::default());
}

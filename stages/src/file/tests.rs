//! Tests of `file`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use weir_pipeline::Ack;
use weir_pipeline::testing::{assert_sink_contract, batch, context, documented, settings};

use super::*;

#[tokio::test]
async fn batches_are_appended_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("samples");
    let open = |more: &str| {
        let file: File = settings(&format!("{{ path: '{}', {more} }}", path.display())).unwrap();
        file.open(&context()).unwrap()
    };
    assert_eq!(open("").send(batch("up 1 5\nup 2 6")).await.unwrap(), Ack::written(2));
    assert_eq!(open("format: json, sync: true").send(batch("up 3 7")).await.unwrap(), Ack::written(1));
    let text = std::fs::read_to_string(&path).unwrap();
    let json = r#"{"metric":{"__name__":"up"},"tenant":"default-tenant","timestamps":[7],"values":[3.0]}"#;
    assert_eq!(text, format!("up 1 5\nup 2 6\n{json}\n"));
}

/// What a directory has: names of files, and their texts.
fn files(dir: &std::path::Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[tokio::test]
async fn a_file_that_is_large_makes_place_for_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.txt");
    std::fs::write(&path, "up 0 5\n").unwrap();
    let yaml = format!("{{ path: '{}', max_bytes: 20B, max_files: 2, sync: true }}", path.display());
    let sink = settings::<File>(&yaml).unwrap().open(&context()).unwrap();
    // Two fit beside each other; one that never fits has a file of its own.
    for text in ["up 1 5", "up 2 5", "up 3 5", "up 4 5\nup 5 5\nup 6 5", "up 7 5"] {
        sink.send(batch(text)).await.unwrap();
    }
    let expect = [("s.txt", "up 7 5\n"), ("s.txt.1", "up 4 5\nup 5 5\nup 6 5\n"), ("s.txt.2", "up 2 5\nup 3 5\n")];
    assert_eq!(files(dir.path()), expect.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
}

#[tokio::test]
async fn a_file_that_was_moved_or_removed_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.txt");
    let yaml = format!("{{ path: '{}' }}", path.display());
    let sink = settings::<File>(&yaml).unwrap().open(&context()).unwrap();
    sink.send(batch("up 1 5")).await.unwrap();
    std::fs::rename(&path, dir.path().join("moved")).unwrap();
    sink.send(batch("up 2 5")).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    sink.send(batch("up 3 5")).await.unwrap();
    let expect = [("moved", "up 1 5\n"), ("s.txt", "up 3 5\n")];
    assert_eq!(files(dir.path()), expect.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
}

#[tokio::test]
async fn a_file_that_can_not_be_written_to_is_told() {
    let file: File = settings("path: /nowhere/samples").unwrap();
    let error = file.open(&context()).map(drop).unwrap_err();
    assert_eq!(error.message(), "expected a file to write to at `/nowhere/samples`");
    let full: File = settings("path: /dev/full").unwrap();
    let error = full.open(&context()).unwrap().send(batch("up 1")).await.unwrap_err();
    assert_eq!((error.kind().is_retryable(), error.message()), (true, "expected to write to `/dev/full`"));
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<File>(yaml).unwrap_err(), expect);
    check("{ path: '' }", "1:9: path: expected a path, got an empty one");
    check("{ path: a, max_files: 0 }", "1:23: max_files: expected a whole number of at least 1, got `0`");
    check("{ path: a, format: csv }", "1:20: format: unknown value `csv`, expected one of `text`, `json`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let sink: BTreeMap<String, File> = documented(include_str!("../file.rs"), "sink");
    assert_eq!(sink["file"].format, Format::Text);
}

#[test]
fn it_keeps_the_contract() {
    for format in ["text", "json"] {
        assert_sink_contract::<Write>("file", |context| {
            settings::<File>(&format!("{{ path: /dev/null, format: {format} }}")).unwrap().open(context)
        });
    }
}

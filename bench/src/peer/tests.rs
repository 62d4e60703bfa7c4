//! Tests of `peer`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn each_pipeline_gets_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    Kind::Weir.prepare(directory.path(), 1234, 5678, ", head: { cut_after: 1s }").unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory.path().join("pipelines"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["00-resources.yaml", "20-receive.yaml", "30-query.yaml"]);
    let resources = std::fs::read_to_string(directory.path().join("pipelines/00-resources.yaml")).unwrap();
    assert!(resources.contains("bucket: local, head: { cut_after: 1s } }"), "{resources}");
    let receive = std::fs::read_to_string(directory.path().join("pipelines/20-receive.yaml")).unwrap();
    assert!(receive.contains("127.0.0.1:1234") && !receive.contains('\u{7b}'.to_string().repeat(2).as_str()));
}

#[test]
fn a_directory_weighs_what_its_files_do() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("a")).unwrap();
    std::fs::write(directory.path().join("a/b"), [0; 10]).unwrap();
    std::fs::write(directory.path().join("c"), [0; 5]).unwrap();
    assert_eq!((size(directory.path()), size(&directory.path().join("absent"))), (15, 0));
}

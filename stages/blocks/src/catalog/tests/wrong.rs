//! What others, or mistakes, put into the log, and changes that make no sense.

use crate::block::directory_name;
use object_store::path::Path;
use weir_pipeline::Kind;

use super::super::log;
use super::super::row::{File, Row, SeriesRow, Stats};
use super::*;

#[test]
fn changes_that_make_no_sense_are_refused() {
    let check = |change: Change, expect: String| {
        let error = change.check().unwrap_err();
        assert_eq!((error.to_string(), error.kind()), (expect, Kind::Invalid));
    };
    let nothing = "expected a change that adds or removes blocks".to_owned();
    check(Change::default(), nothing.clone());
    check(numbered(Change::default(), "a", 1), nothing);
    let twice = |n| format!("expected each block once in a change, got `{}` again", id(n));
    check(add([1, 2, 1]), twice(1));
    check(replace([1, 1], []), twice(1));
    check(replace([1, 2], [3, 2]), twice(2));
    let transaction =
        |app: &str, n: i64| format!("expected a name and a number from 0 on as transaction, got `{app}` and {n}");
    check(numbered(add([1]), "", 1), transaction("", 1));
    check(numbered(add([1]), "a", -1), transaction("a", -1));
    let one = |change: &dyn Fn(&mut Entry)| {
        let mut add = add([1]);
        change(&mut add.add[0]);
        add
    };
    check(one(&|e| e.min_ts = 101), format!("expected a time range in block `{}`, got 101..=100", id(1)));
    check(one(&|e| e.ranges[0].first = 20), format!("expected a range of records in block `{}`, got 20..=19", id(1)));
    check(one(&|e| e.max_ts = i64::MIN), format!("expected a time range in block `{}`, got 1..={}", id(1), i64::MIN));
}

#[test]
fn commits_that_are_none_are_refused() {
    let file = Path::from("a/_delta_log/00000000000000000001.json");
    let check = |line: &str, expect: &str| {
        let error = log::parse(&file, line.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expect, "{line}");
    };
    let none = "expected a commit to a table in `a/_delta_log/00000000000000000001.json`";
    for line in [
        "no JSON",
        "[1]{",
        "1",
        "null",
        "\"a\"",
        "{\"add\":1}",
        "{\"add\":{}}",
        "{\"add\":{\"path\":\"a\"}}",
        "{\"add\":{\"path\":\"a\",\"size\":\"1\"}}",
        "{\"add\":{\"path\":\"a\",\"size\":1.5}}",
        "{\"add\":{\"path\":1,\"size\":1}}",
        "{\"add\":{\"path\":\"a\",\"size\":1,\"partitionValues\":[1]}}",
        "{\"remove\":{}}",
        "{\"txn\":{\"appId\":\"a\"}}",
        "{\"txn\":{\"appId\":\"a\",\"version\":null}}",
        "{\"protocol\":{}}",
        "{\"protocol\":{\"minReaderVersion\":-1,\"minWriterVersion\":2}}",
        "{\"add\":{\"path\":\"a\",\"size\":1}",
        "{\"txn\":{\"appId\":\"a\",\"version\":1}}\n{",
        "\u{0}",
    ] {
        check(line, none);
    }
    check(
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7}}",
        "`a/_delta_log/00000000000000000001.json` asks for reader version 3 and writer version 7 of the protocol, this program keeps to 1 and 2",
    );
    check(
        "{\"add\":{\"path\":\"a\",\"size\":1,\"deletionVector\":{}}}",
        "`a/_delta_log/00000000000000000001.json` deletes rows of `a`: that is not supported",
    );
}

#[test]
fn what_is_not_known_in_a_commit_is_passed_over() {
    let text =
        "\n{\"cdc\":{\"path\":1}}\n{\"domainMetadata\":{}}\n{\"add\":{\"path\":\"a\",\"size\":1,\"new\":[]}}\n{}\n\n";
    let commit = log::parse(&Path::from("a"), text.as_bytes()).unwrap();
    assert_eq!((commit.add.len(), commit.remove.len(), commit.transactions.len()), (1, 0, 0));
}

#[test]
fn files_that_are_none_of_a_block_are_refused() {
    let file = |path: &str| File { path: path.to_owned(), size: 1, partition: [].into(), stats: Stats::default() };
    let block = id(1).to_string();
    let dir = directory_name(id(1));
    let told = |table: &str, path: &str| {
        format!("the table of {table} has `{path}`, which is no file of a block: others must not write to it")
    };
    for path in ["", "a", "samples.parquet", "a/samples.parquet", "../samples.parquet", "/a/b", "part-1.parquet"] {
        assert_eq!(Entry::from_file(&file(path)).unwrap_err().to_string(), told("samples", path));
        assert_eq!(SeriesRow::from_file(&file(path)).unwrap_err().to_string(), told("series", path));
    }
    for path in [
        format!("{dir}/series.parquet"),
        format!("{block}/samples.parquet"),
        format!("raw/{dir}/samples.parquet"),
        dir.clone(),
    ] {
        assert_eq!(Entry::from_file(&file(&path)).unwrap_err().to_string(), told("samples", &path));
    }
    for path in
        [format!("{dir}/series.parquet"), format!("raw/{block}/series.parquet"), format!("2m/{dir}/series.parquet")]
    {
        assert_eq!(SeriesRow::from_file(&file(&path)).unwrap_err().to_string(), told("series", &path));
    }
    let expected = format!("expected the entry of block `{block}`, got ``");
    assert_eq!(Entry::from_file(&file(&format!("{dir}/samples.parquet"))).unwrap_err().to_string(), expected);
}

#[test]
fn an_entry_reads_back_and_a_later_one_is_refused() {
    let text = entry(1).to_text().unwrap();
    assert_eq!(Entry::from_text(id(1), entry(1).samples_bytes, &text).unwrap(), entry(1));
    let later = text.replacen("\"v\":1", "\"v\":2", 1);
    let error = Entry::from_text(id(1), 0, &later).unwrap_err();
    let expected = format!("the entry of block `{}` has version 2, this program reads up to 1", id(1));
    assert_eq!((error.to_string(), error.kind()), (expected, Kind::Unprocessable));
    for wrong in ["{}", "[]", "{\"v\":1}", &text.replace("\"samples\":100", "\"samples\":-1"), &text[..20]] {
        let error = Entry::from_text(id(1), 0, wrong).unwrap_err().to_string();
        assert!(error.starts_with("expected the entry of block"), "{error}");
    }
}

#[tokio::test]
async fn a_table_that_others_have_written_to_is_not_misread() {
    let ground = Ground::local();
    let catalog = ground.catalog().await;
    commit(&catalog, add([1])).await;
    let file = ground.file("default-tenant/raw/_delta_log/00000000000000000002.json");
    std::fs::write(&file, "{\"add\":{\"path\":\"part-0.parquet\",\"size\":1}}").unwrap();
    let error = catalog.snapshot(&Tenant::default(), RAW).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table of samples has `part-0.parquet`, which is no file of a block: others must not write to it"
    );
    std::fs::remove_file(&file).unwrap();
    expect(&catalog, [1]).await;
}

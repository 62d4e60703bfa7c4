//! What another parser makes of queries: why it is none of ours.

use std::process::Command;

use promql_parser::parser::parse as theirs;

use super::scripts::expression;
use super::*;

/// The page that lists where it fails.
const PAGE: &str = include_str!("../../../../../docs/parsers.md");

/// How deep a query nests that ends the process.
const DEEP: usize = 30_000;

/// A table's cells, without backticks.
fn rows(page: &'static str) -> impl Iterator<Item = [String; 3]> {
    let page = page.split("\n## PromQL\n").nth(1).unwrap();
    page.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect();
        cells.try_into().unwrap()
    })
}

/// What a query consists of, whatever the order of its matchers: the other parser sorts them.
fn parts(query: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = query.split([',', '{', '}']).map(str::trim).collect();
    parts.sort_unstable();
    parts
}

/// What the other parser makes of a query, and what this one does.
fn outcome(query: &str) -> [String; 2] {
    let ours = parse(query).map(|expr| expr.to_string());
    let says = if ours.is_ok() { "reads it" } else { "refuses it" };
    let read = std::panic::catch_unwind(|| theirs(query).map(|expr| expr.to_string()));
    let theirs = match (read, ours) {
        (Err(_), _) => "panics".to_owned(),
        (Ok(Err(_)), _) => "refuses it".to_owned(),
        (Ok(Ok(_)), Err(_)) => "takes it".to_owned(),
        (Ok(Ok(text)), Ok(ours)) => match parse(&text) {
            Ok(expr) if parts(&expr.to_string()) == parts(&ours) => "reads it".to_owned(),
            _ => format!("reads {text}"),
        },
    };
    [theirs, says.to_owned()]
}

#[test]
fn the_page_says_where_another_parser_fails() {
    let mut count = 0;
    for [query, expected_theirs, expected_ours] in rows(PAGE) {
        assert_eq!(outcome(&query), [expected_theirs, expected_ours], "{query}");
        count += 1;
    }
    assert!(count > 15, "{count} queries");
}

#[test]
fn what_another_parser_takes_of_our_scripts_it_reads_as_this_one() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../integration/promql");
    let (mut same, mut refused, mut differ) = (0, Vec::new(), Vec::new());
    for file in std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()) {
        // What it gets wrong is known by the topics; random queries find the same again.
        if file.file_name().unwrap().to_string_lossy().starts_with("random_") {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap();
        let queries = text.lines().filter_map(|line| expression(line.trim()));
        // One that is to fail when it runs may be wrong as a text, too.
        for query in queries.filter(|query| parse(query).is_ok()) {
            match outcome(query)[0].as_str() {
                "reads it" => same += 1,
                "refuses it" => refused.push(query.to_owned()),
                other => differ.push(format!("{query}: {other}")),
            }
        }
    }
    println!("{same} read the same, {} refused: {refused:#?}", refused.len());
    assert!(differ.iter().all(|query| query.contains("@ -") || query.starts_with('+')), "{differ:#?}");
    assert!(same > 400 && refused.len() > 50, "{same} the same, {} refused", refused.len());
}

#[test]
fn a_query_that_nests_deep_ends_the_process_of_another_parser() {
    const CHILD: &str = "WEIR_NEST";
    let deep = format!("{}1{}", "(".repeat(DEEP), ")".repeat(DEEP));
    assert!(parse(&deep).is_err());
    if std::env::var_os(CHILD).is_some() {
        let _ = theirs(&deep).map(|expr| expr.to_string());
        return;
    }
    let name = "syntax::tests::other::a_query_that_nests_deep_ends_the_process_of_another_parser";
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(CHILD, "1").output().unwrap();
    let told = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(!child.status.success() && told.contains("overflowed its stack"), "{}: {told}", child.status);
}

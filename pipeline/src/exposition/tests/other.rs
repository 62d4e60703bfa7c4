//! What another parser makes of lines: why it is none of ours.

use super::*;

/// The page that lists where it fails.
const PAGE: &str = include_str!("../../../../docs/parsers.md");

/// A table's cells, without the backticks around them.
fn rows(page: &'static str) -> impl Iterator<Item = [String; 3]> {
    let page = page.split("\n## PromQL\n").next().unwrap();
    page.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
        let cells: Vec<String> = line.trim_matches('|').split(" | ").map(cell).collect();
        cells.try_into().unwrap()
    })
}

/// What the other parser reads of a line.
fn theirs(line: &str) -> String {
    let scrape = prometheus_parse::Scrape::parse_at([Ok(line.to_owned())].into_iter(), Default::default()).unwrap();
    let sample = |sample: &prometheus_parse::Sample| {
        let prometheus_parse::Value::Untyped(value) = sample.value else { panic!("{line}: {:?}", sample.value) };
        let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let at = Some(sample.timestamp.timestamp_millis()).filter(|at| *at != 0);
        format!(
            "{}{{{}}} {value:?}{}",
            sample.metric,
            labels.join(","),
            at.map_or(String::new(), |at| format!(" @{at}"))
        )
    };
    match scrape.samples.as_slice() {
        [] => "nothing".to_owned(),
        samples => samples.iter().map(sample).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn the_page_says_where_another_parser_fails() {
    let mut count = 0;
    for [line, expected_theirs, expected_ours] in rows(PAGE) {
        let ours = events(line.as_bytes(), Format::Text).map_or("a mistake".to_owned(), |events| events.join("; "));
        assert_eq!((theirs(&line), ours), (expected_theirs, expected_ours), "{line}");
        count += 1;
    }
    assert!(count > 15, "{count} lines");
}

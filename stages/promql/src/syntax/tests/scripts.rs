//! The expressions of Prometheus' own scripts.

use super::*;

/// The expression of an `eval` line.
pub(super) fn expression(line: &str) -> Option<&str> {
    let (first, rest) = line.split_once([' ', '\t'])?;
    if !first.starts_with("eval") {
        return None;
    }
    let words = match rest.trim_start() {
        rest if rest.starts_with("instant at ") => 3,
        rest if rest.starts_with("instant") => 1,
        _ => 7,
    };
    let mut rest = rest;
    for _ in 0..words {
        rest = rest.trim_start().split_once([' ', '\t'])?.1;
    }
    Some(rest.trim())
}

#[test]
fn every_expression_of_prometheus_scripts_is_read_and_prints_as_it_reads() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest");
    let Ok(files) = std::fs::read_dir(dir) else {
        println!("skipped: {dir} is not there");
        return;
    };
    let (mut count, mut refused) = (0, 0);
    for file in files.map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|e| e == "test")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for query in text.lines().filter_map(|line| expression(line.trim())) {
            match parse(query) {
                Ok(_) => fuzz::fuzz(query.as_bytes()),
                // Prometheus refuses it when it runs: here strings are UTF-8.
                Err(error) if error.message.ends_with("expected a string of UTF-8") => refused += 1,
                Err(error) => panic!("{}: {query}: {error}", file.display()),
            }
            count += 1;
        }
    }
    assert_eq!((count, refused), (1650, 2));
}

//! What holds for any text.

use proptest::prelude::*;

use super::*;
use crate::syntax::fuzz::fuzz;

/// What deep trees are made of: what stands before the innermost expression, and what after it.
const NESTS: [(&str, &str); 8] = [
    ("(", ")"),
    ("-", ""),
    ("abs(", ")"),
    ("sum(", ")"),
    ("sum by (a) (", ")"),
    ("2 ^ ", ""),
    ("", "[5m:1m]"),
    ("max_of(1, ", ")"),
];

/// What chains are made of.
const CHAINS: [(&str, &str); 4] = [("a + ", ""), ("", " - a"), ("", " or sum(a) * 2"), ("1 + ", "")];

#[test]
fn no_depth_and_no_length_overflows_the_stack() {
    let check = |(before, after): (&str, &str), most: usize, expected: &str| {
        for levels in [most / 2, most - 10, most * 2, 5000] {
            let text = format!("{}a{}", before.repeat(levels), after.repeat(levels));
            let parsed = parse(&text);
            let message = parsed.as_ref().err().map(|error| error.message.as_str()).unwrap_or_default();
            assert_eq!(message == expected, levels > most, "{levels} of {before}…{after}: {message}");
            if let Ok(expr) = parsed {
                assert_eq!(expr.to_string().len(), text.len());
                assert!(expr.depth() > levels && !expr.selectors().is_empty());
            }
        }
    };
    let nested = "expected at most 100 expressions within each other";
    NESTS.into_iter().for_each(|nest| check(nest, MAX_NESTING, nested));
    CHAINS.into_iter().for_each(|chain| check(chain, MAX_DEPTH, "expected a chain of at most 2000 operators"));
    for (before, after) in [("(", ")"), ("-", ""), ("1 + ", ""), ("", " + 1"), ("max_of(1, ", ")"), ("2 ^ ", "")] {
        let text = format!("a[{}step(){}]", before.repeat(5000), after.repeat(5000));
        assert_eq!(parse(&text).unwrap_err().message, nested, "{before}…{after}");
    }
    let long = " ".repeat(MAX_QUERY_BYTES) + "a";
    let expected = "1:1: parse error: expected a query of at most 1048576 bytes, got 1048577";
    assert_eq!(parse(&long).unwrap_err().to_string(), expected);
    assert_eq!(parse_selector(&long).unwrap_err().to_string(), expected);
    assert!(parse(&long[1..]).is_ok());
}

#[test]
fn a_text_of_too_many_parts_is_refused() {
    let expected = "expected at most 30000 expressions and matchers";
    let check = |text: &str| assert_eq!(parse(text).unwrap_err().message, expected);
    check(&format!("a{{{}}}", "b=\"c\",".repeat(MAX_PARTS)));
    check(&format!("label_join(a, {})", vec!["\"b\""; MAX_PARTS].join(", ")));
    assert_eq!(parse_selector(&format!("a{{{}}}", "b=\"c\",".repeat(MAX_PARTS + 1))).unwrap_err().message, expected);
}

#[test]
fn a_long_chain_is_formatted() {
    let text = vec!["aaaaaaaaaaaa"; 1000].join(" or ");
    let expr = parse(&text).unwrap();
    let pretty = pretty_expr(&expr, &text);
    // So many operands, and the operators between them but for those of the first line.
    let first = pretty.lines().next().unwrap();
    assert!(first.trim_start().len() <= 100 && first.starts_with("  "));
    let lines = pretty.lines().count();
    assert_eq!(lines, 1 + 2 * (1000 - first.matches("aaaaaaaaaaaa").count()));
    // The longest of them is no query any more.
    assert!(pretty.len() > MAX_QUERY_BYTES && expr.to_string() == text);
}

/// The seeds: the corpus of the fuzz target, and the queries of the tables.
fn seeds() -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/promql");
    let files = std::fs::read_dir(dir).into_iter().flatten().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let tables = [include_str!("printed.txt"), include_str!("errors.txt")];
    let queries = tables.into_iter().flat_map(|text| table(text).map(|line| line[0].clone().into_bytes()));
    files.chain(queries).collect()
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let seeds = seeds();
    assert!(seeds.len() > 200);
    seeds.iter().for_each(|seed| fuzz(seed));
}

/// What mutations put in.
const CHARACTERS: &[u8] = b"(){}[]:,\"'`@#=!~<>+-*/^%._ \n\\0x5me";

/// A small generator of numbers (xorshift), so that a failure repeats.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn mutated_queries_never_panic_and_read_back_the_same() {
    let seeds = seeds();
    let pieces: Vec<&[u8]> = seeds.iter().flat_map(|seed| seed.split(|b| *b == b' ')).collect();
    let state = &mut 0x2545_f491_4f6c_dd1d;
    for _ in 0..20_000 {
        let mut text = seeds[random(state) % seeds.len()].clone();
        for _ in 0..random(state) % 4 {
            let at = random(state) % (text.len() + 1);
            let end = (at + random(state) % 8).min(text.len());
            let piece: &[u8] = match random(state) % 4 {
                0 => b"",
                1 => CHARACTERS.get(random(state) % CHARACTERS.len()..).unwrap().split_at(1).0,
                _ => pieces[random(state) % pieces.len()],
            };
            text.splice(at..end, piece.iter().copied());
        }
        fuzz(&text);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        fuzz(text.as_bytes());
    }

    #[test]
    fn any_text_of_the_language_is_read_or_refused(text in "[a-z0-9(){}\\[\\]:,\"=~!<>+*/^@# .-]{0,40}") {
        fuzz(text.as_bytes());
    }

    #[test]
    fn any_number_prints_as_it_reads(value in any::<f64>()) {
        let printed = if value.is_finite() { format!("{value:e}") } else { "1".to_owned() };
        fuzz(printed.as_bytes());
        fuzz(format!("a @ {printed} offset {printed}").as_bytes());
    }

    #[test]
    fn any_string_prints_as_it_reads(value in "\\PC*|(?s:.{0,9})") {
        let text = weir_pipeline::selector::quote(&value);
        let ExprKind::String(read) = parse(&text).unwrap().kind else { panic!("{text}") };
        prop_assert_eq!(read, value);
        fuzz(format!("a{{b={text}, {text}!={text}}} + on ({text}, c) b").as_bytes());
    }
}

//! What holds for any text.

use proptest::prelude::*;

use super::*;
use crate::syntax::fuzz::fuzz;

/// What deep trees are made of: what stands before the innermost expression, and what after it.
const NESTS: [(&str, &str); 10] = [
    ("(", ")"),
    ("-", ""),
    ("abs(", ")"),
    ("sum(", ")"),
    ("sum by (a) (", ")"),
    ("a + ", ""),
    ("2 ^ ", ""),
    ("", " - a"),
    ("", "[5m:1m]"),
    ("max_of(1, ", ")"),
];

#[test]
fn no_depth_and_no_length_overflows_the_stack() {
    for (before, after) in NESTS {
        for levels in [MAX_DEPTH / 2, MAX_DEPTH * 2, 5000] {
            let text = format!("{}a{}", before.repeat(levels), after.repeat(levels));
            let error = parse(&text).err().map(|error| error.message).unwrap_or_default();
            let is_deep = error == format!("expected an expression of at most {MAX_DEPTH} levels");
            assert_eq!(is_deep, levels > MAX_DEPTH, "{levels} of {before}…{after}: {error}");
        }
    }
    for (before, after) in [("(", ")"), ("-", ""), ("1 + ", ""), ("", " + 1"), ("max_of(1, ", ")"), ("2 ^ ", "")] {
        let text = format!("a[{}step(){}]", before.repeat(5000), after.repeat(5000));
        assert_eq!(
            parse(&text).unwrap_err().message,
            "expected an expression of at most 100 levels",
            "{before}…{after}"
        );
    }
    let long = " ".repeat(MAX_QUERY_BYTES) + "a";
    let expected = "1:1: parse error: expected a query of at most 65536 bytes, got 65537";
    assert_eq!(parse(&long).unwrap_err().to_string(), expected);
    assert_eq!(parse_selector(&long).unwrap_err().to_string(), expected);
    assert!(parse(&long[1..]).is_ok());
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

//! From nodes to settings.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::mistake::unknown;
use crate::config::{Env, nearest, parse};
use crate::testing::settings;
use crate::units::{Bytes, Span};

#[track_caller]
fn check<T: for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(text: &str, expect: T) {
    assert_eq!(settings::<T>(text), Ok(expect), "{text}");
}

#[test]
fn plain_scalars_follow_the_core_schema_and_quoted_ones_are_texts() {
    check("true", true);
    check("False", false);
    check("5", 5u8);
    check("-5", -5i64);
    check("5", 5.0);
    check("1e3", 1000.0);
    check("-.inf", f64::NEG_INFINITY);
    check("5", "5".to_owned());
    check("true", "true".to_owned());
    check("inf", "inf".to_owned());
    check("'5'", "5".to_owned());
    check("\"a\\nb\"", "a\nb".to_owned());
    check("|\n  a\n  b\n", "a\nb\n".to_owned());
    check("~", None::<u8>);
    check("", None::<u8>);
    check("'~'", "~".to_owned());
    check("1m30s", Span::from_secs(90));
    check("64MiB", Bytes::mib(64));
    check("'1s'", Some(Span::from_secs(1)));
    check("[1, 2]", (1u8, 2u64));
    check("{ b: 1, a: 2 }", BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]));
    check("{ 5: a }", BTreeMap::from([("5".to_owned(), "a".to_owned())]));
    check("[[1], []]", vec![vec![1u8], vec![]]);
}

#[test]
fn what_is_no_number_is_shown_as_it_stands() {
    let check = |text: &str, shown: &str| {
        let expect = format!("1:1: expected a whole number of at least 0, got `{shown}`");
        assert_eq!(settings::<u64>(text), Err(expect));
    };
    check("99999999999999999999", "99999999999999999999");
    check("1_000", "1_000");
    check("0x10", "0x10");
    check("'5 '", "5 ");
    check("true", "true");
    check(&"x".repeat(1000), &"x".repeat(80));
}

#[test]
fn a_field_that_nothing_can_fill_ends_only_its_own_node() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Listen {
        address: std::net::SocketAddr,
        port: u16,
    }
    assert_eq!(
        settings::<Vec<Listen>>("[{}, { address: '127.0.0.1:1', port: x }]").unwrap_err(),
        "1:2: [0]: `address` is missing\n1:38: [1].port: expected a whole number from 0 to 65535, got `x`",
    );
}

#[test]
fn what_stands_in_for_a_missing_field_has_every_shape() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only their reading is of interest")]
    struct Shapes {
        on: bool,
        count: u16,
        ratio: f32,
        text: String,
        letter: char,
        window: Span,
        size: Bytes,
        pair: (u8, i64),
        list: Vec<u8>,
        map: BTreeMap<String, u8>,
        mode: Mode,
        inner: Inner,
        nothing: (),
        shelf: crate::units::Ref<()>,
        last: u8,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        depth: u8,
        mode: Option<Mode>,
    }
    let mistakes = settings::<Shapes>("{}").unwrap_err();
    let missing: Vec<_> = mistakes.lines().map(|line| line.split('`').nth(1).unwrap_or(line)).collect();
    assert_eq!(
        missing,
        [
            "on", "count", "ratio", "text", "letter", "window", "size", "pair", "list", "map", "mode", "inner",
            "nothing", "shelf", "last",
        ],
    );
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Off,
    Every(Span),
    Sized { size: Bytes },
    Free { size: Option<Bytes> },
}

#[test]
fn a_choice_is_a_word_or_one_key_with_its_settings() {
    check("off", Mode::Off);
    check("off:", Mode::Off);
    check("{ every: 5s }", Mode::Every(Span::from_secs(5)));
    check("{ sized: { size: 1MiB } }", Mode::Sized { size: Bytes::mib(1) });
    check("free", Mode::Free { size: None });
    check("free:", Mode::Free { size: None });
    check("[off, { every: 1s }]", vec![Mode::Off, Mode::Every(Span::from_secs(1))]);

    let wrong = |text: &str, expect: &str| assert_eq!(settings::<Mode>(text).unwrap_err(), expect, "{text}");
    wrong("offf", "1:1: unknown value `offf`, did you mean `off`?");
    wrong("off: 5", "1:6: off: expected nothing below it, got `5`");
    wrong("{ off: , every: 5s }", "1:1: expected a word, or one key with its settings, got a map");
    wrong("", "1:1: expected a word, or one key with its settings, got nothing");
    wrong("[off]", "1:1: expected a word, or one key with its settings, got a list");
    wrong("every", "1:1: expected a text, got nothing");
    wrong("every: 5", "1:8: every: expected a duration such as `30s` or `1m30s`, got `5`");
    wrong("sized", "1:1: `size` is missing");
    wrong("sized: { sise: 5 }", "1:8: sized: `size` is missing");
}

#[test]
fn a_node_is_shown_on_one_line() {
    let shown = |text: &str| parse("", text, &Env::from_fn(|_| None)).unwrap().to_string();
    assert_eq!(shown("a: [1, {b: c}]\nd: {}\ne: []\nf:\n"), "{ a: [1, { b: c }], d: {}, e: [], f: ~ }");
}

#[test]
fn a_repeated_key_at_the_end_of_a_long_map_is_found_soon() {
    let text: String = (0..40_000).map(|i| format!("k{i}: \n")).chain(["k7: \n".to_owned()]).collect();
    let mistakes = parse("a.yaml", &text, &Env::from_fn(|_| None)).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].to_string(), "a.yaml:40001:1: k7: this key is also on line 8");
}

#[test]
fn the_nearest_name_is_offered_where_it_is_near() {
    let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name, ["relabel", "filter"]), expect, "{name}");
    check("relable", Some("relabel"));
    check("Filter", Some("filter"));
    check("fliter", Some("filter"));
    check("flt", None);
    check("", None);
    check("a", None);
    // As long as a file may be: that must not take a day.
    let long = "a".repeat(500_000);
    assert_eq!(nearest(&long, [long.as_str(), "a"]), None);
    assert_eq!(nearest("a", [long.as_str(), "ab"]), Some("ab"));
    assert_eq!(unknown("stage", "flt", ["a"]), "unknown stage `flt`, expected one of `a`");
    assert_eq!(unknown("stage", "flt", []), "unknown stage `flt`, there is none");
    assert_eq!(unknown("stage", "a", []), "unknown stage `a`, there is none");
}

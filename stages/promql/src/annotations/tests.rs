#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::forced::{rfc3339, two_digits};
use super::*;

#[test]
fn floats_are_written_as_go_does() {
    let cases = [
        (0.0, "0"),
        (-1.0, "-1"),
        (1.5, "1.5"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (1.25e-7, "1.25e-07"),
        (0.0001, "0.0001"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ];
    for (value, wanted) in cases {
        assert_eq!(go_float(value), wanted);
    }
}

#[test]
fn two_digits_are_kept() {
    let cases =
        [(0.0, "0"), (1.0, "1"), (1.26, "1.3"), (12.6, "13"), (126.0, "1.3e+02"), (0.00001, "1e-05"), (0.012, "0.012")];
    for (value, wanted) in cases {
        assert_eq!(two_digits(value), wanted);
    }
}

#[test]
fn times_are_written_in_utc() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_795_000_000_999, "2026-11-18T11:06:40Z"),
        (-1, "1969-12-31T23:59:59Z"),
    ];
    for (time, wanted) in cases {
        assert_eq!(rfc3339(time), wanted);
    }
}

#[test]
fn notes_of_one_kind_become_one() {
    // One at each of two steps is four in Prometheus, which adds what it has to itself from step to step.
    let mut notes = Annotations::default();
    let at = Span { start: 5, end: 6 };
    let evaluated = Evaluated { start: 0, step: 60_000, count: 2 };
    let forced = |time, bound| Forced { times: (time, time), buckets: (bound, bound), diff: bound, evaluated };
    notes.add(&Note::ForcedMonotonic(forced(60_000, 1.0)), "h", at);
    notes.add(&Note::ForcedMonotonic(forced(0, 2.0)), "h", at);
    notes.add(&Note::PossibleNonCounter, "m", at);
    notes.add(&Note::PossibleNonCounter, "m", at);
    let (warnings, infos) = notes.render("rate(m)");
    assert!(warnings.is_empty());
    assert_eq!(infos.len(), 2);
    let range = "from buckets 1 to 2, with a max diff of 2, over 4 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:6)";
    assert!(infos[0].ends_with(range), "{}", infos[0]);
}

#[test]
fn a_text_that_is_said_at_several_places_is_said_of_the_last_that_is_evaluated() {
    let check = |places: &[(u32, u32)], note: &Note, expect: &str| {
        for order in [places.to_vec(), places.iter().rev().copied().collect()] {
            let mut notes = Annotations::default();
            order.iter().for_each(|(start, end)| notes.add(note, "m", Span { start: *start, end: *end }));
            let (warnings, infos) = notes.render("rate(m) + rate(m)");
            let said = [warnings, infos].concat();
            assert!(said.len() == 1 && said[0].ends_with(expect), "{said:?}");
        }
    };
    check(&[(5, 6), (15, 16)], &Note::PossibleNonCounter, "(1:16)");
    // What has arguments comes after them.
    check(&[(5, 6), (0, 7)], &Note::PossibleNonCounter, "(1:1)");
    check(&[(5, 6), (2, 6)], &Note::PossibleNonCounter, "(1:3)");
    let mut notes = Annotations::default();
    let (outer, inner) = (Span { start: 0, end: 20 }, Span { start: 5, end: 15 });
    notes.add(&Note::InvalidQuantile(2.0), "", Place::Within(Span { start: 1, end: 2 }, outer));
    notes.add(&Note::InvalidQuantile(2.0), "", Place::Within(Span { start: 6, end: 7 }, inner));
    assert!(notes.render("quantile(2, quantile(2, m))").0[0].ends_with("(1:2)"));
    // Those that are counted stay where they began.
    check(&[(5, 6), (15, 16)], &Note::StartTimeOverlap, "(2 occurrences) (1:6)");
}

#[test]
fn an_operator_says_what_it_says_last_at_a_step() {
    let turn = |filled, labels: &[u8]| Turn { filled, labels: labels.to_vec() };
    let at = Span { start: 0, end: 5 };
    let (layout, types) = (Note::IncompatibleBucketLayout("+"), Note::IncompatibleTypes("histogram", "+", "float"));
    let mut notes = Annotations::default();
    notes.add_at_step(types.clone(), at, 0, turn(true, b"a"));
    notes.add_at_step(layout.clone(), at, 0, turn(false, b"b"));
    assert_eq!(notes.render("a + b").0, Vec::<String>::new());
    let mut notes = Annotations::default();
    notes.add_at_step(layout.clone(), at, 0, turn(false, b"b"));
    notes.add_at_step(types, at, 0, turn(false, b"a"));
    notes.add_at_step(layout, at, 1, turn(false, b"a"));
    let (warnings, infos) = notes.render("a + b");
    assert_eq!((warnings.len(), infos.len()), (1, 0));
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

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
fn notes_of_one_kind_and_place_become_one() {
    let mut notes = Annotations::default();
    let at = Span { start: 5, end: 6 };
    let forced = |time, bound| Forced { times: (time, time), buckets: (bound, bound), diff: bound, samples: 1 };
    notes.add(&Note::ForcedMonotonic(forced(60_000, 1.0)), "h", at);
    notes.add(&Note::ForcedMonotonic(forced(0, 2.0)), "h", at);
    notes.add(&Note::PossibleNonCounter, "m", at);
    notes.add(&Note::PossibleNonCounter, "m", at);
    let (warnings, infos) = notes.render("rate(m)");
    assert!(warnings.is_empty());
    assert_eq!(infos.len(), 2);
    let range = "from buckets 1 to 2, with a max diff of 2, over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:6)";
    assert!(infos[0].ends_with(range), "{}", infos[0]);
}

//! Memory that has to be asked for.

use weir_pipeline::Kind;

use super::*;

const MIB: u64 = 1 << 20;

/// What is asked for while `body` is read, where there are `most` bytes, and what comes of it.
fn asked(body: &Message, version: Version, held: u64, most: u64) -> (Vec<u64>, Result<Decoded>) {
    let mut asked = Vec::new();
    let mut ask = |bytes| {
        asked.push(bytes);
        bytes <= most
    };
    let limits = Limits { batch_bytes: 16 << 20, ..Limits::default() };
    let read = decode_in(&body.0, version, Tenant::default(), &limits, Memory { held, ask: &mut ask });
    (asked, read)
}

#[test]
fn memory_is_asked_for_before_it_is_taken_and_little_more() {
    let check = |body: &Message, version: Version, held: u64, least: u64, times: std::ops::Range<usize>| {
        let (all, read) = asked(body, version, held, u64::MAX);
        assert!(read.is_ok() && times.contains(&all.len()) && all.is_sorted_by(|a, b| a < b), "{all:?}");
        let Some(last) = all.last().copied() else { return };
        assert!((least..=least + MIB).contains(&last), "{last}");
        // One byte too few.
        let (fewer, read) = asked(body, version, held, last - 1);
        assert_eq!(fewer, all);
        let error = read.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable { retry_after: None }, "{error:?}");
        assert_eq!(error.message(), "expected to find memory for the request, and all of it is in use");
    };
    // A thousand series with one symbol of 5 KiB.
    let long = "x".repeat(5 << 10);
    let symbols = ["", "__name__", "up", "long", &long].iter().fold(msg(), |m, s| m.bytes(4, s));
    let wide = (0..1000).fold(symbols, |m, _| m.bytes(5, msg().refs(&[1, 2, 3, 4]).sample(1, 1.0)));
    let each = (8 + 2 + 10) + (4 + (5 << 10) + 10) + 24 + 24;
    check(&wide, Version::V2, 0, 1000 * each, 10..20);
    check(&wide, Version::V2, 3 * MIB, 1000 * each, 2..3);
    check(&wide, Version::V2, 5 * MIB, 0, 0..1);
    // A series of 100000 samples: 2.3 MiB before it is one, of which the first is not counted, and as much of the batch.
    let tall = (0..100_000).fold(msg().label("__name__", "up"), |m, t| m.sample(t, 1.0));
    check(&v1(&[tall]), Version::V1, 0, 2 * MIB + 2_400_044, 2..3);
    // Symbols that take three steps, of which the first is not counted.
    let symbols = (0..3 << 16).fold(msg(), |m, _| m.bytes(4, ""));
    check(&symbols, Version::V2, 0, 2 * MIB, 1..2);
}

#[test]
fn what_is_larger_than_a_batch_may_be_is_refused_for_that() {
    let long = "x".repeat(60 << 10);
    let symbols = ["", "__name__", "up", "long", &long].iter().fold(msg(), |m, s| m.bytes(4, s));
    let wide = (0..300).fold(symbols, |m, _| m.bytes(5, msg().refs(&[1, 2, 3, 4]).sample(1, 1.0)));
    let (all, read) = asked(&wide, Version::V2, 0, u64::MAX);
    assert_eq!(read.unwrap_err().message(), "expected samples that take at most 16777216 bytes in memory");
    assert!(all.iter().all(|bytes| *bytes <= 17 * MIB), "{all:?}");
}

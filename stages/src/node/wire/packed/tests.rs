//! Tests of `packed`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use weir_pipeline::testing::{batch, text};

use super::*;
use crate::node::wire::tests::refused;
use crate::node::wire::{Limits, decode_batch, encode_batch};

const MOST: u64 = 1 << 20;

/// A batch of so many series as a message.
fn message(series: usize) -> Vec<u8> {
    let lines = (0..series).map(|i| format!("requests_total{{pod=\"pod-{i}\"}} {} 1700000000000\n", i * 7));
    let mut out = Vec::new();
    encode_batch(&batch(&lines.collect::<String>()), &mut out);
    out
}

#[test]
fn a_batch_is_shorter_on_its_way_and_reads_as_the_same() {
    let message = message(2000);
    let packed = pack(&message).expect("it is long enough");
    eprintln!("{} bytes of {}", packed.len(), message.len());
    assert!(packed.len() < message.len() / 2, "{} of {}", packed.len(), message.len());
    assert_eq!(unpacked_len(&packed, MOST).unwrap(), message.len() as u64);
    let read = unpack(&packed, MOST).unwrap();
    assert_eq!(read, message);
    let batches = [&*read, &message].map(|bytes| decode_batch(bytes, &Limits::default()).unwrap());
    assert_eq!(text(&batches[0]), text(&batches[1]));
}

#[test]
fn what_is_short_or_does_not_become_much_shorter_goes_as_it_is() {
    assert_eq!(pack(&message(10)), None);
    assert_eq!(pack(&[0; SHORTEST - 1]), None);
    assert!(pack(&[0; SHORTEST]).is_some());
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    assert_eq!(pack(&(0..64 << 10).map(|_| noise()).collect::<Vec<_>>()), None);
    let message = message(10);
    assert!(matches!(unpack(&message, MOST).unwrap(), Cow::Borrowed(bytes) if bytes == message));
    assert_eq!(unpacked_len(&message, MOST).unwrap(), message.len() as u64);
}

#[test]
fn a_bomb_is_refused_before_any_of_it_is_unpacked() {
    let bomb = pack(&vec![0; 1 + MOST as usize]).unwrap();
    assert!(bomb.len() < 1000, "{}", bomb.len());
    let expect = "expected at most 1048576 bytes after decompression, got `1048577`";
    refused(unpacked_len(&bomb, MOST), expect);
    refused(unpack(&bomb, MOST), expect);
    assert_eq!(unpack(&bomb, MOST + 1).unwrap().len() as u64, MOST + 1);
}

#[test]
fn a_frame_that_says_something_else_than_it_has_is_refused() {
    let good = pack(&[0; SHORTEST]).unwrap();
    let wrong = "expected a message of 4096 bytes compressed with zstd";
    // More than it says, by a second frame.
    refused(unpack(&[good.clone(), good.clone()].concat(), MOST), wrong);
    refused(unpack(&good[..good.len() - 1], MOST), wrong);
    refused(unpack(&[good.as_slice(), b"x"].concat(), MOST), wrong);
    // What does not say how long it is, as frames that are written while they grow.
    let said = "expected a compressed message that says how long it is";
    refused(unpack(&zstd::stream::encode_all(&[0u8; SHORTEST][..], LEVEL).unwrap(), MOST), said);
    refused(unpacked_len(&MAGIC, MOST), said);
}

proptest! {
    #[test]
    fn what_is_damaged_is_an_error_and_takes_no_more_than_it_may(
        at in any::<prop::sample::Index>(),
        bits in 1..=255u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packed = pack(&message(500)).unwrap();
        let at = at.index(packed.len());
        packed[at] ^= bits;
        packed.truncate(1 + cut.index(packed.len()));
        if let Ok(read) = unpack(&packed, 64 << 10) {
            prop_assert!(read.len() <= 64 << 10 || !packed.starts_with(&MAGIC));
        }
    }
}

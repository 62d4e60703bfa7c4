#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;

fn check(n: u64, behind: &[u8]) {
    let mut bytes = Vec::new();
    put_varint(n, &mut bytes);
    assert_eq!(bytes.len(), varint_len(n) as usize, "{n}");
    let whole = bytes.len();
    bytes.extend_from_slice(behind);
    assert_eq!(take_varint(&bytes), Some((n, behind)), "{n}");
    for cut in 0..whole {
        assert_eq!(take_varint(&bytes[..cut]), None, "{n} cut to {cut}");
    }
}

#[test]
fn numbers_of_every_length_come_back() {
    for bits in 0..64 {
        for n in [1u64 << bits, (1u64 << bits) - 1, u64::MAX >> bits] {
            check(n, &[]);
            check(n, &[0xff; 9]);
        }
    }
}

#[test]
fn what_does_not_fit_is_none() {
    assert_eq!(take_varint(&[0xff; 12]), None);
    assert_eq!(take_varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]), None);
}

proptest! {
    #[test]
    fn any_number_comes_back(n: u64, shift in 0u32..64, behind in prop::collection::vec(any::<u8>(), 0..12)) {
        check(n >> shift, &behind);
        prop_assert_eq!(unzigzag(zigzag(n as i64)), n as i64);
    }
}

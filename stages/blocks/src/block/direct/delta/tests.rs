#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

/// Numbers of so many bits, one after the other, with what pads them.
fn packed(numbers: &[u64], width: usize) -> Vec<u8> {
    let mut bytes = vec![0; numbers.len() * width / 8 + PADDING];
    for (i, number) in numbers.iter().enumerate() {
        for bit in 0..width {
            bytes[(i * width + bit) / 8] |= ((number >> bit & 1) as u8) << ((i * width + bit) % 8);
        }
    }
    bytes
}

#[test]
fn differences_of_every_width_are_added_up() {
    for width in 1..=32u8 {
        let most = u64::MAX >> (64 - width);
        let number = |i: u64| match i % 7 {
            0 => most,
            _ => (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - width),
        };
        let numbers: Vec<u64> = (0..64).map(number).collect();
        let (last, least) = (i64::MAX - 1000, -17);
        let mut sum = last;
        let expected: Vec<i64> = numbers
            .iter()
            .map(|number| {
                sum = sum.wrapping_add(least).wrapping_add(number.cast_signed());
                sum
            })
            .collect();
        let mut out = [0; AT_ONCE];
        unpack(&packed(&numbers, usize::from(width)), width, (last, least), &mut out).unwrap();
        assert_eq!(&out[..], expected, "{width} bits");
    }
}

#[test]
fn too_few_bytes_are_none() {
    let bytes = packed(&[0; 64], 5);
    assert_eq!(unpack(&bytes[..bytes.len() - 1], 5, (0, 0), &mut [0; AT_ONCE]), None);
}

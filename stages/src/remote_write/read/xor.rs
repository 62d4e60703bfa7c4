//! Samples in the XOR encoding of Prometheus' chunks.
//!
//! Source: `tsdb/docs/format/chunks.md` of Prometheus, which goes back to Facebook's Gorilla paper.

use super::bits::Bits;

/// The data of a chunk of at most 65535 samples in order of time: their number in two bytes, then the samples in bits.
pub fn xor_chunk(timestamps: &[i64], values: &[f64]) -> Vec<u8> {
    let mut out = Bits::default();
    let count = timestamps.len().min(values.len()).min(usize::from(u16::MAX));
    (count as u16).to_be_bytes().iter().for_each(|byte| out.byte(*byte));
    let (mut last_time, mut last_delta, mut last_bits) = (0i64, 0u64, 0u64);
    let mut window = None;
    for (i, (time, value)) in timestamps.iter().zip(values).take(count).enumerate() {
        let delta = time.wrapping_sub(last_time) as u64;
        let bits = value.to_bits();
        match i {
            0 => {
                let zigzag = ((*time as u64) << 1) ^ ((*time >> 63) as u64);
                out.varint(zigzag);
                out.bits(bits, 64);
            }
            1 => {
                out.varint(delta);
                out.value(bits ^ last_bits, &mut window);
            }
            _ => {
                out.change(delta.wrapping_sub(last_delta) as i64);
                out.value(bits ^ last_bits, &mut window);
            }
        }
        if i > 0 {
            last_delta = delta;
        }
        (last_time, last_bits) = (*time, bits);
    }
    out.finish()
}

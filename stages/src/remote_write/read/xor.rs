//! Samples in the XOR encoding of Prometheus' chunks.
//!
//! Source: `tsdb/docs/format/chunks.md` of Prometheus, which goes back to Facebook's Gorilla paper.

/// Bits, the most significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

/// Which bits of the last XOR were set: how many zeros are before them, and behind.
#[derive(Clone, Copy)]
struct Window {
    leading: u32,
    trailing: u32,
}

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
    out.bytes
}

// === impl Bits ===

impl Bits {
    fn bit(&mut self, bit: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }

    /// The lowest `count` bits.
    fn bits(&mut self, bits: u64, count: u32) {
        for at in (0..count).rev() {
            self.bit(bits >> at & 1 == 1);
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.free == 0 {
            self.bytes.push(byte);
        } else {
            self.bits(u64::from(byte), 8);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// By how much one step differs from the step before: in the fewest bits of 0, 14, 17, 20 and 64 that have it.
    fn change(&mut self, change: i64) {
        let fits = |bits: u32| (-((1i64 << (bits - 1)) - 1)..=1i64 << (bits - 1)).contains(&change);
        match change {
            0 => self.bits(0b0, 1),
            _ if fits(14) => self.tagged(0b10, 2, change, 14),
            _ if fits(17) => self.tagged(0b110, 3, change, 17),
            _ if fits(20) => self.tagged(0b1110, 4, change, 20),
            _ => self.tagged(0b1111, 4, change, 64),
        }
    }

    fn tagged(&mut self, tag: u64, tag_bits: u32, value: i64, bits: u32) {
        self.bits(tag, tag_bits);
        self.bits(value as u64, bits);
    }

    /// The XOR of a value with the one before: within the window of the last one where it fits, else with its own.
    fn value(&mut self, xor: u64, window: &mut Option<Window>) {
        if xor == 0 {
            return self.bit(false);
        }
        self.bit(true);
        // Five bits say how many zeros lead.
        let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if let Some(old) = window
            && leading >= old.leading
            && trailing >= old.trailing
        {
            self.bit(false);
            return self.bits(xor >> old.trailing, 64 - old.leading - old.trailing);
        }
        *window = Some(Window { leading, trailing });
        let significant = 64 - leading - trailing;
        self.bit(true);
        self.bits(u64::from(leading), 5);
        // 64 does not fit six bits, and 0 does not happen: it stands for 64.
        self.bits(u64::from(significant), 6);
        self.bits(xor >> trailing, significant);
    }
}

//! Bits, as Prometheus' chunks have them.

/// The sizes of numbers, in bits.
const SIZES: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Bits, the most significant first.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

/// Which bits of the last XOR were set: how many zeros are before them, and behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    leading: u32,
    trailing: u32,
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
    pub(super) fn bits(&mut self, bits: u64, count: u32) {
        for at in (0..count).rev() {
            self.bit(bits >> at & 1 == 1);
        }
    }

    /// All bits of a byte.
    pub(super) fn byte(&mut self, byte: u8) {
        if self.free == 0 {
            self.bytes.push(byte);
        } else {
            self.bits(u64::from(byte), 8);
        }
    }

    /// Seven bits a byte, the low ones first.
    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// By how much one step differs from the step before: in the fewest bits of 0, 14, 17, 20 and 64 that have it.
    pub(super) fn change(&mut self, change: i64) {
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
    pub(super) fn value(&mut self, xor: u64, window: &mut Option<Window>) {
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

    /// A number in the fewest bits of 0, 3, 6, 9, 12, 18, 25, 56 and 64 that have it, its sign among them.
    pub(super) fn varbit_signed(&mut self, value: i64) {
        let fits = |bits: u32| (-((1i64 << (bits - 1)) - 1)..=1i64 << (bits - 1)).contains(&value);
        self.sized(value == 0, fits, value as u64);
    }

    /// As [`varbit_signed`](Self::varbit_signed), without a sign.
    pub(super) fn varbit(&mut self, value: u64) {
        self.sized(value == 0, |bits| value >> bits == 0, value);
    }

    /// One 1 for each size that is too small, a 0, and the bits.
    fn sized(&mut self, is_zero: bool, fits: impl Fn(u32) -> bool, value: u64) {
        if is_zero {
            return self.bit(false);
        }
        for (ones, size) in (1u32..).zip(SIZES) {
            if fits(size) {
                self.bits((1 << (ones + 1)) - 2, ones + 1);
                return self.bits(value, size);
            }
        }
        self.bits(0xff, 8);
        self.bits(value, 64);
    }

    /// The bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

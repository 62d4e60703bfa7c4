//! One sample to bytes and back.

use crate::varint::{put_varint, take_varint, unzigzag, varint_len, zigzag};

/// The value codes: as before, decimal, decimal after a new scale, the first XOR, and the first and last repeat.
const SAME: u8 = 0;
const DECIMAL: u8 = 1;
const SCALED: u8 = 2;
const XOR: u8 = 3;
const FIRST_REPEAT: u8 = 40;
const LAST_REPEAT: u8 = 63;

/// The largest scale that is tried.
const MAX_SCALE: u8 = 9;

/// How many samples to wait after no scale was found.
const PATIENCE: u8 = 12;

const POWERS: [f64; MAX_SCALE as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// The largest integer up to which every integer is a `f64`.
const MAX_MANTISSA: u64 = 1 << 53;

/// For each XOR code less [`XOR`]: how many zero bytes are above, and how many bytes there are.
const SHAPES: [(u8, u8); 36] = shapes();

/// What a sample is encoded against.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    pub(crate) ts: i64,
    pub(crate) delta: i64,
    pub(crate) bits: u64,
    pub(crate) scale: u8,
}

/// What only the encoder remembers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    /// The last byte is the tag of a sample that may repeat.
    repeating: bool,
    /// How many samples to wait before a scale is searched for again.
    rest: u8,
}

/// Reads samples one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder {
    state: State,
    /// That of the last value, where it was a decimal: most are, and so the next need not wait for its division.
    mantissa: Option<i64>,
}

// === impl State ===

impl State {
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }
}

// === encode ===

/// Appends one sample.
pub(crate) fn encode(state: &mut State, hints: &mut Hints, ts: i64, value: f64, out: &mut Vec<u8>) {
    let delta = ts.wrapping_sub(state.ts);
    let change = delta.wrapping_sub(state.delta);
    let bits = value.to_bits();
    if change == 0 && bits == state.bits {
        state.ts = ts;
        match out.last_mut() {
            Some(last) if hints.repeating && *last < LAST_REPEAT => *last = (*last + 1).max(FIRST_REPEAT),
            _ => out.push(SAME),
        }
        hints.repeating = true;
        return;
    }
    hints.repeating = false;
    let at = out.len();
    out.push(0);
    let ts_code = encode_change(change, out);
    let value_code = if bits == state.bits { SAME } else { encode_value(state, hints, value, out) };
    if let Some(tag) = out.get_mut(at) {
        *tag = ts_code << 6 | value_code;
    }
    (state.ts, state.delta, state.bits) = (ts, delta, bits);
}

fn encode_change(change: i64, out: &mut Vec<u8>) -> u8 {
    if change == 0 {
        0
    } else if let Ok(small) = i8::try_from(change) {
        out.push(small as u8);
        1
    } else if let Ok(medium) = i16::try_from(change) {
        out.extend_from_slice(&medium.to_le_bytes());
        2
    } else {
        put_varint(zigzag(change), out);
        3
    }
}

fn encode_value(state: &mut State, hints: &mut Hints, value: f64, out: &mut Vec<u8>) -> u8 {
    let xor = value.to_bits() ^ state.bits;
    let (above, below) = (xor.leading_zeros() / 8, xor.trailing_zeros() / 8);
    let bytes = 8 - above - below;
    let decimal = match mantissa(value, state.scale) {
        Some(m) => Some((m, state.scale)),
        None => search(hints, value),
    };
    if let Some((m, scale)) = decimal {
        let delta = zigzag(m.wrapping_sub(nearest(state.value(), scale)));
        let new_scale = scale != state.scale;
        if varint_len(delta) + u32::from(new_scale) <= bytes {
            if new_scale {
                out.push(scale);
                state.scale = scale;
            }
            put_varint(delta, out);
            return if new_scale { SCALED } else { DECIMAL };
        }
    }
    out.extend_from_slice(&(xor >> (8 * below)).to_le_bytes()[..bytes as usize]);
    let shape = (above as u8, bytes as u8);
    XOR + SHAPES.iter().position(|s| *s == shape).unwrap_or(0) as u8
}

/// The smallest scale at which `value` is a decimal.
fn search(hints: &mut Hints, value: f64) -> Option<(i64, u8)> {
    if hints.rest > 0 {
        hints.rest -= 1;
        return None;
    }
    let found = (0..=MAX_SCALE).find_map(|scale| Some((mantissa(value, scale)?, scale)));
    if found.is_none() {
        hints.rest = PATIENCE;
    }
    found
}

/// The integer that gives `value` back bit for bit when divided by `10^scale`.
fn mantissa(value: f64, scale: u8) -> Option<i64> {
    let m = nearest(value, scale);
    (m.unsigned_abs() <= MAX_MANTISSA && decimal(m, scale).to_bits() == value.to_bits()).then_some(m)
}

/// The integer nearest to `value * 10^scale`, the same for encoder and decoder whatever the value.
fn nearest(value: f64, scale: u8) -> i64 {
    let scaled = value * power(scale);
    (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i64
}

fn decimal(mantissa: i64, scale: u8) -> f64 {
    mantissa as f64 / power(scale)
}

fn power(scale: u8) -> f64 {
    POWERS.get(usize::from(scale)).copied().unwrap_or(1.0)
}

// === decode ===

/// Reads samples until both lists are full, or until the bytes make no sense; says how many that were.
pub(crate) fn decode_all(mut data: &[u8], min_ts: i64, timestamps: &mut [i64], values: &mut [f64]) -> usize {
    let mut decoder = Decoder::new(min_ts);
    let (mut places, mut read) = (timestamps.iter_mut().zip(values), 0);
    while let Some((time, value)) = places.next() {
        let Some((repeat, rest)) = decoder.decode(data) else { break };
        data = rest;
        (*time, *value) = decoder.sample();
        read += 1;
        let same = *value;
        for (time, value) in places.by_ref().take(repeat as usize) {
            decoder.repeat();
            (*time, *value) = (decoder.state.ts, same);
            read += 1;
        }
    }
    read
}

impl Decoder {
    /// Before the first sample, whose timestamp is `ts`.
    pub(crate) fn new(ts: i64) -> Self {
        Self { state: State { ts, ..State::default() }, mantissa: None }
    }

    /// The sample that was read last.
    #[inline]
    pub(crate) fn sample(&self) -> (i64, f64) {
        (self.state.ts, self.state.value())
    }

    /// The last sample, one interval later.
    #[inline]
    pub(crate) fn repeat(&mut self) {
        self.state.ts = self.state.ts.wrapping_add(self.state.delta);
    }

    /// Reads one tag and its sample: how many more samples repeat it, and the bytes after it. `None` where the bytes make
    /// no sense.
    #[inline(always)]
    pub(crate) fn decode<'a>(&mut self, data: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (&tag, rest) = data.split_first()?;
        let (change, rest) = decode_change(tag >> 6, rest)?;
        let state = &mut self.state;
        state.delta = state.delta.wrapping_add(change);
        state.ts = state.ts.wrapping_add(state.delta);
        match tag & 0x3f {
            SAME => Some((0, rest)),
            DECIMAL => self.decimal(rest),
            SCALED => {
                let (&scale, rest) = rest.split_first()?;
                (self.state.scale, self.mantissa) = (scale, None);
                self.decimal(rest)
            }
            code @ FIRST_REPEAT..=LAST_REPEAT if tag >> 6 == 0 => Some((u32::from(code - FIRST_REPEAT) + 1, rest)),
            code => {
                let &(above, bytes) = SHAPES.get(usize::from(code - XOR))?;
                let (taken, rest) = rest.split_at_checked(usize::from(bytes))?;
                let mut word = [0; 8];
                word[..taken.len()].copy_from_slice(taken);
                state.bits ^= u64::from_le_bytes(word) << (8 * (8 - above - bytes));
                self.mantissa = None;
                Some((0, rest))
            }
        }
    }

    #[inline(always)]
    fn decimal<'a>(&mut self, data: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (delta, rest) = take_varint(data)?;
        let State { bits, scale, .. } = &mut self.state;
        // What the encoder took for it, too: a decimal is nearest to its own mantissa.
        let last = self.mantissa.unwrap_or_else(|| nearest(f64::from_bits(*bits), *scale));
        let mantissa = last.wrapping_add(unzigzag(delta));
        *bits = decimal(mantissa, *scale).to_bits();
        self.mantissa = Some(mantissa);
        Some((0, rest))
    }
}

#[inline(always)]
fn decode_change(code: u8, data: &[u8]) -> Option<(i64, &[u8])> {
    match code {
        0 => Some((0, data)),
        1 => data.split_first().map(|(&b, rest)| (i64::from(b as i8), rest)),
        2 => data.split_first_chunk().map(|(b, rest)| (i64::from(i16::from_le_bytes(*b)), rest)),
        _ => take_varint(data).map(|(n, rest)| (unzigzag(n), rest)),
    }
}

const fn shapes() -> [(u8, u8); 36] {
    let mut out = [(0, 0); 36];
    let (mut i, mut above) = (0, 0);
    while above < 8 {
        let mut bytes = 1;
        while above + bytes <= 8 {
            out[i] = (above, bytes);
            i += 1;
            bytes += 1;
        }
        above += 1;
    }
    out
}

//! Logarithms to the base of 2 and back, to the last bit as Go computes them.
//!
//! A quantile within a bucket depends on every bit of these, and so does whether an answer equals that of Prometheus.
//!
//! Source: `e_log.c` and `e_exp.c` of FreeBSD's msun, from which Go's `math` has its polynomials.

use super::bounds::scaled;

const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The polynomial of the logarithm: odd and even powers apart.
const LOG: [f64; 7] = [
    f64::from_bits(0x3FE5_5555_5555_5593),
    f64::from_bits(0x3FD9_9999_9997_FA04),
    f64::from_bits(0x3FD2_4924_9422_9359),
    f64::from_bits(0x3FCC_71C5_1D8E_78AF),
    f64::from_bits(0x3FC7_4664_96CB_03DE),
    f64::from_bits(0x3FC3_9A09_D078_C69F),
    f64::from_bits(0x3FC2_F112_DF3E_5244),
];

/// The polynomial of the power.
const EXP: [f64; 5] = [
    f64::from_bits(0x3FC5_5555_5555_5555),
    f64::from_bits(0xBF66_C16C_16BE_BD93),
    f64::from_bits(0x3F11_566A_AF25_DE2C),
    f64::from_bits(0xBEBB_BD41_C5D2_6BF1),
    f64::from_bits(0x3E66_3769_72BE_A4D0),
];

/// The logarithm of the absolute value.
pub(super) fn log2(value: f64) -> f64 {
    let value = value.abs();
    if value == 0.0 {
        return f64::NEG_INFINITY;
    }
    if !value.is_finite() {
        return value;
    }
    let (fraction, exponent) = split(value);
    // Powers of two come out exact.
    if fraction == 0.5 { exponent - 1.0 } else { ln(fraction) * (1.0 / std::f64::consts::LN_2) + exponent }
}

/// Two to the power of `value`.
pub(super) fn exp2(value: f64) -> f64 {
    if value.is_nan() {
        return value;
    }
    if value > 1.023_999_999_999_999_9e3 {
        return f64::INFINITY;
    }
    if value < -1.0740e3 {
        return 0.0;
    }
    let whole = if value > 0.0 { (value + 0.5).trunc() } else { (value - 0.5).trunc() };
    let rest = value - whole;
    let (high, low) = (rest * LN2_HIGH, -rest * LN2_LOW);
    let r = high - low;
    let t = r * r;
    let [p1, p2, p3, p4, p5] = EXP;
    let c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))));
    let power = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    scaled(power, whole as i64)
}

/// A fraction from 0.5 to 1, and the exponent that makes it the value again.
fn split(value: f64) -> (f64, f64) {
    // Subnormal floats become normal first.
    let (value, shift) = if value < f64::MIN_POSITIVE { (value * (1_u64 << 52) as f64, 52) } else { (value, 0) };
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1022 - shift;
    let fraction = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 0x3FE0_0000_0000_0000);
    (fraction, f64::from(exponent))
}

/// The natural logarithm of a fraction from 0.5 to 1.
fn ln(fraction: f64) -> f64 {
    let (fraction, k) =
        if fraction < std::f64::consts::FRAC_1_SQRT_2 { (fraction * 2.0, -1.0) } else { (fraction, 0.0) };
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let (s2, s4) = (s * s, s * s * (s * s));
    let [l1, l2, l3, l4, l5, l6, l7] = LOG;
    let odd = s2 * (l1 + s4 * (l3 + s4 * (l5 + s4 * l7)));
    let even = s4 * (l2 + s4 * (l4 + s4 * l6));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + (odd + even)) + k * LN2_LOW)) - f)
}

//! Floats as decimals: a mantissa and a scale, bit for bit or not at all.
//!
//! The formula, version 1, frozen: `value = mantissa / 10^scale`, with `|mantissa| ≤ 2^53` and `0 ≤ scale ≤ 22`, so that
//! both are exact as doubles and the division rounds once. Dividing is what makes most decimals read back: multiplying
//! by a negative power is wrong for 29 % of them.

/// The greatest scale: 10^22 is the last power of ten that a double holds exactly.
pub const MAX_SCALE: u8 = 22;

/// The greatest mantissa: all integers up to it are exact as doubles.
pub const MAX_MANTISSA: i64 = 1 << 53;

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits.
    pub mantissa: i64,
    /// How many of them stand after the point.
    pub scale: u8,
}

/// How a run of values is written: for each value a decimal, or the double itself.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// As long as the run; `None` where no decimal reads back.
    pub decimals: Vec<Option<Decimal>>,
}

// === impl Decimal ===

impl Decimal {
    /// The decimal of the smallest scale that reads back as `value`, bit for bit. None for NaN, infinities, -0.0 and
    /// values with too many digits.
    pub fn of(value: f64) -> Option<Self> {
        Self::near(value, 0)
    }

    /// The same, with a scale to try first: that of the value before.
    fn near(value: f64, hint: u8) -> Option<Self> {
        if !value.is_finite() || value.to_bits() == (-0.0f64).to_bits() {
            return None;
        }
        if let Some(decimal) = Self::at(value, 0) {
            return Some(decimal);
        }
        if hint > 0 && Self::at(value, hint).is_some() {
            // The hint fits; a smaller scale may too, but where values share a scale the one below rarely does.
            return (hint > 1)
                .then(|| Self::at(value, hint - 1))
                .flatten()
                .map_or_else(|| Self::at(value, hint), |_| (1..hint).find_map(|scale| Self::at(value, scale)));
        }
        (1..=MAX_SCALE)
            .take_while(|scale| (value * POWERS[usize::from(*scale)]).abs() <= 1.1 * MAX_MANTISSA as f64)
            .find_map(|scale| Self::at(value, scale))
    }

    /// The decimal of this scale, where it reads back.
    fn at(value: f64, scale: u8) -> Option<Self> {
        let mantissa = (value * POWERS[usize::from(scale)]).round();
        if mantissa.abs() > MAX_MANTISSA as f64 {
            return None;
        }
        let decimal = Self { mantissa: mantissa as i64, scale };
        (decimal.value().to_bits() == value.to_bits()).then_some(decimal)
    }

    /// The value, by the frozen formula.
    pub fn value(self) -> f64 {
        self.mantissa as f64 / POWERS[usize::from(self.scale.min(MAX_SCALE))]
    }

    /// The same value with a greater scale, where the mantissa allows it.
    fn rescaled(self, scale: u8) -> Option<Self> {
        let factor = 10i64.checked_pow(u32::from(scale.checked_sub(self.scale)?))?;
        let mantissa = self.mantissa.checked_mul(factor).filter(|m| m.abs() <= MAX_MANTISSA)?;
        Some(Self { mantissa, scale })
    }
}

// === impl Run ===

impl Run {
    /// Decimals for a run of values that follow each other: of one scale where they can be, since the differences of
    /// neighbours are small only then.
    pub fn of(values: &[f64]) -> Self {
        let mut hint = 0;
        let mut decimals: Vec<Option<Decimal>> = values
            .iter()
            .map(|value| {
                let decimal = Decimal::near(*value, hint);
                hint = decimal.map_or(hint, |d| d.scale.max(hint));
                decimal
            })
            .collect();
        let common = decimals.iter().flatten().map(|d| d.scale).max().unwrap_or(0);
        for decimal in decimals.iter_mut().flatten() {
            // The same number with zeros behind it: it divides to the same double.
            *decimal = decimal.rescaled(common).unwrap_or(*decimal);
        }
        Self { decimals }
    }
}

#[cfg(test)]
mod tests;

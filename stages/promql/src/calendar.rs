//! Times as dates, in UTC.
//!
//! Source: Go's package `time`, of which years beyond the reach of its 64 bits of seconds wrap around.

/// The first second that Go's calendar knows: 1 March of the year [`FIRST_YEAR`].
const FIRST_SECOND: i64 = -9_223_372_028_741_760_000;

/// A year that 400 divides. Years are counted from March here, so that leap days come last.
const FIRST_YEAR: i64 = -292_277_022_400;

/// The days of 400 years.
const ERA: u64 = 146_097;

/// A second of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The year; the one before 1 is 0.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// 1 to 366.
    pub year_day: u16,
}

// === impl Moment ===

impl Moment {
    /// The second that is this many after the Unix epoch.
    pub fn of(seconds: i64) -> Self {
        let since = seconds.wrapping_sub(FIRST_SECOND) as u64;
        let (days, second) = (since / 86_400, since % 86_400);
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let march_day = day - (365 * year + year / 4 - year / 100);
        let shifted = (5 * march_day + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let day = march_day - (153 * shifted + 2) / 5 + 1;
        let year = FIRST_YEAR + (era * 400 + year) as i64 + i64::from(month <= 2);
        // 1 March is the 60th day of a year without a leap day.
        let year_day = if month <= 2 { march_day - 305 } else { march_day + 60 + u64::from(is_leap(year)) };
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            // The first day is a Wednesday, and so is each that begins an era.
            weekday: ((days + 3) % 7) as u8,
            year_day: year_day as u16,
        }
    }

    /// How many days its month has.
    pub fn days_in_month(self) -> u8 {
        match self.month {
            2 if is_leap(self.year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests;

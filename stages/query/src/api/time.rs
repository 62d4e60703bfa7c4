//! Times and durations as parameters.
//!
//! Source: `parseTime` and `parseDuration` of `web/api/v1/api.go`, `time.Parse` with `time.RFC3339Nano`.

use weir_pipeline::selector::quote;

use crate::syntax::parse_duration;

/// The default of a start, which stands for Prometheus' -292273086-05-16T16:47:06Z: so far back that nothing is before
/// it, and near enough to reckon with.
pub(super) const MIN: i64 = -MAX;

/// The default of an end, which stands for Prometheus' 292277025-08-18T07:12:54.999999999Z.
pub(super) const MAX: i64 = 9_000_000_000_000_000_000;

/// Go's zero time, which stands for "never".
pub(super) const ZERO: &str = "0001-01-01T00:00:00Z";

/// Seconds or RFC 3339 as milliseconds since the Unix epoch.
pub(super) fn time(text: &str) -> Result<i64, String> {
    let invalid = || format!("cannot parse {} to a valid timestamp", quote(text));
    if let Some(seconds) = number(text) {
        // As Prometheus: the fraction is rounded to milliseconds apart from the rest.
        let millis = seconds.trunc() * 1000.0 + (seconds.fract() * 1000.0).round();
        let fits = (MIN as f64..=MAX as f64).contains(&millis);
        return if fits { Ok(millis as i64) } else { Err(invalid()) };
    }
    match text {
        "-292273086-05-16T16:47:06Z" => Ok(MIN),
        "292277025-08-18T07:12:54.999999999Z" => Ok(MAX),
        _ => rfc3339(text).ok_or_else(invalid),
    }
}

/// A time as RFC 3339, in UTC. What is before the year 1 or after 9999 is shown as Go's zero time.
pub(super) fn shown(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // As `days` does: years begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(1..=9999).contains(&year) {
        return ZERO.to_owned();
    }
    let (hour, minute, second, millis) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    let fraction = format!(".{millis:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Seconds or a Prometheus duration as nanoseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    if let Some(seconds) = number(text) {
        let nanos = seconds * 1e9;
        if nanos.abs() > i64::MAX as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text)));
        }
        return Ok(nanos as i64);
    }
    let millis = parse_duration(text).map_err(|_| format!("cannot parse {} to a valid duration", quote(text)))?;
    Ok(millis.saturating_mul(1_000_000))
}

/// A number of seconds; not NaN.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| !number.is_nan())
}

/// `2006-01-02T15:04:05.999Z`, or with an offset as `+07:00`.
fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape: &[(usize, u8)] = &[(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !shape.iter().all(|(at, byte)| bytes.get(*at) == Some(byte)) {
        return None;
    }
    let part = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (millis, zone) = fraction(text.get(19..)?)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(seconds * 1000 + millis)
}

/// The milliseconds of a fraction, if there is one, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return Some((0, text)) };
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(end);
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some((digits(&millis).filter(|_| !fraction.is_empty())?, zone))
}

/// The seconds of a time zone.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(zone.get(1..3)?)?, digits(zone.get(4..6)?)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, in the Gregorian calendar: years begin in March, so that leap days end them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
}

#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

/// Year, month, day, day of the week, day of the year, hour, minute, days of the month.
#[track_caller]
fn check(seconds: i64, wanted: (i64, u8, u8, u8, u16, u8, u8, u8)) {
    let m = Moment::of(seconds);
    let found = (m.year, m.month, m.day, m.weekday, m.year_day, m.hour, m.minute, m.days_in_month());
    assert_eq!(found, wanted, "{seconds}");
}

#[test]
fn seconds_are_dates() {
    check(0, (1970, 1, 1, 4, 1, 0, 0, 31));
    check(-1, (1969, 12, 31, 3, 365, 23, 59, 31));
    check(1_136_239_445, (2006, 1, 2, 1, 2, 22, 4, 31));
    check(1_230_767_999, (2008, 12, 31, 3, 366, 23, 59, 31));
    check(1_230_768_000, (2009, 1, 1, 4, 1, 0, 0, 31));
    check(1_456_790_399, (2016, 2, 29, 1, 60, 23, 59, 29));
    check(1_456_790_400, (2016, 3, 1, 2, 61, 0, 0, 31));
    check(1_485_907_200, (2017, 2, 1, 3, 32, 0, 0, 28));
    check(-62_135_596_801, (0, 12, 31, 0, 366, 23, 59, 31));
    check(253_402_300_800, (10_000, 1, 1, 6, 1, 0, 0, 31));
}

#[test]
fn dates_beyond_the_calendar_of_go_wrap_as_they_do_there() {
    check(i64::MIN, (292_277_026_596, 12, 4, 0, 339, 15, 30, 31));
    check(FIRST_SECOND, (-292_277_022_400, 3, 1, 3, 61, 0, 0, 31));
    check(FIRST_SECOND - 1, (292_277_026_854, 1, 7, 3, 7, 7, 0, 31));
    check(1_000_000_000_000_000_000, (31_688_740_476, 10, 23, 5, 297, 1, 46, 31));
    check(-9_200_000_000_000_000_000, (-291_536_392_293, 5, 3, 2, 123, 12, 26, 31));
}

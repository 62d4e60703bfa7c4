//! Tests of `units`.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn durations_read_as_prometheus_writes_them() {
    let check =
        |text: &str, ms: u64| assert_eq!(text.parse::<Span>().unwrap().get(), Duration::from_millis(ms), "{text}");
    check("0", 0);
    check("30s", 30_000);
    check("1m30s", 90_000);
    check("500ms", 500);
    check("1h5ms", 3_600_005);
    check("2w", 14 * 86_400_000);
    check("1y", 365 * 86_400_000);
}

#[test]
fn durations_without_a_unit_or_with_units_out_of_order_are_refused() {
    for text in ["", "5", "s", "1.5s", "-1s", "1s1m", "1s1s", "5 s", "1x", "99999999999y", "é"] {
        let wrong = format!("expected a duration such as `30s` or `1m30s`, got `{text}`");
        assert_eq!(text.parse::<Span>().unwrap_err(), wrong);
    }
}

#[test]
fn sizes_read_with_decimal_and_binary_units() {
    let check = |text: &str, bytes: u64| assert_eq!(text.parse::<Bytes>().unwrap().get(), bytes, "{text}");
    check("0", 0);
    check("100B", 100);
    check("1GB", 1_000_000_000);
    check("64MiB", 64 << 20);
    check("2 KiB", 2048);
}

#[test]
fn sizes_without_a_unit_are_refused() {
    for text in ["", "5", "MiB", "1.5GB", "-1B", "1mib", "99999999TiB", "é"] {
        let wrong = format!("expected a size such as `64MiB` or `1GB`, got `{text}`");
        assert_eq!(text.parse::<Bytes>().unwrap_err(), wrong);
    }
}

#[test]
fn what_is_shown_reads_back_the_same() {
    for text in ["30s", "1m30s", "500ms", "1d", "36500ms"] {
        let span: Span = text.parse().unwrap();
        assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
    }
    for text in ["64MiB", "1GB", "1B", "1500B"] {
        let size: Bytes = text.parse().unwrap();
        assert_eq!(size.to_string().parse::<Bytes>().unwrap(), size);
    }
}

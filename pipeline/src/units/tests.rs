//! Tests of `units`.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

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
fn an_address_is_a_host_and_a_port() {
    let check = |text: &str, port: u16| {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.to_string().as_str(), address.port()), (text, port), "{text}");
    };
    check("127.0.0.1:9090", 9090);
    check("127.0.0.1:0", 0);
    check("0.0.0.0:65535", 65535);
    check("[::]:80", 80);
    check("[::1]:0", 0);
    check("[fe80::1%1]:80", 80);
    check("localhost:80", 80);
    check("weir-0.weir_peers.svc.:19391", 19391);
    check("1a.b2:1", 1);
    assert_eq!(Address::from(SocketAddr::from(([127, 0, 0, 1], 5))).as_str(), "127.0.0.1:5");
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        "foo",
        "5",
        "9090",
        "foo:",
        "foo:bar",
        "foo:65536",
        "foo:+1",
        "foo:-1",
        "foo: 1",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[foo]:80",
        "a b:80",
        "a/b:80",
        "http://a:80",
        "a..b:80",
        ".:80",
        "1.2:80",
        "300.1.1.1:80",
        "1.2.3.4.:80",
        "ä:80",
        "a@b:80",
        "0x7f.1:80",
        "*:80",
    ] {
        let wrong = format!("expected a host and a port such as `127.0.0.1:9090`, got `{text}`");
        assert_eq!(text.parse::<Address>().unwrap_err(), wrong);
    }
    assert!(format!("{}:80", "a".repeat(254)).parse::<Address>().is_err());
    let wrong = "expected a host before the port, `0.0.0.0:80` for all of IPv4, got `:80`";
    assert_eq!(":80".parse::<Address>().unwrap_err(), wrong);
}

#[test]
fn zero_and_nothing_are_refused_where_they_can_not_work() {
    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        #[serde(deserialize_with = "above_zero")]
        wait: Span,
        #[serde(deserialize_with = "above_zero")]
        room: Bytes,
        #[serde(deserialize_with = "some_path")]
        path: std::path::PathBuf,
    }
    let Settings { wait, room, path } = crate::testing::settings("{ wait: 1ms, room: 1B, path: . }").unwrap();
    assert_eq!((wait, room, path.to_str()), (Span::from_millis(1), Bytes::new(1), Some(".")));
    let wrong = |text: &str, expect: &str| {
        assert_eq!(crate::testing::settings::<Settings>(text).unwrap_err(), expect, "{text}");
    };
    wrong(
        "{ wait: 0s, room: 0MiB, path: '' }",
        "1:9: wait: expected more than 0, got `0s`\n1:19: room: expected more than 0, got `0B`\n\
         1:31: path: expected a path, got an empty one",
    );
    wrong(
        "{ wait: 5, room: 5, path: [] }",
        "1:9: wait: expected a duration such as `30s` or `1m30s`, got `5`\n\
         1:18: room: expected a size such as `64MiB` or `1GB`, got `5`\n1:27: path: expected path string, got a list",
    );
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

//! Requests as a whole: types, encodings and bodies that are none, and everything at once.

use weir_stages::remote_write::{self, Version};

use super::Ground;
use super::wire::{Histogram, Series, request};
use crate::harness::http;

const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// Type, encoding, body, status, and whether the reply says how much is written.
type Asked<'a> = (Option<&'a str>, Option<&'a str>, &'a [u8], u16, bool);

fn snappy(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    remote_write::compress(body, &mut out).unwrap();
    out
}

#[test]
fn types_and_encodings_are_those_of_the_specification_or_refused_as_unsupported() {
    let ground = Ground::start();
    let series = [Series::named("up").sample(ground.at, 1.0)];
    let body = |version| snappy(&request(version, &series));
    let (one, two) = (body(Version::V1), body(Version::V2));
    let cases: [Asked; 18] = [
        (Some("application/x-protobuf"), Some("snappy"), &one, 204, false),
        (Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some("snappy"), &one, 204, false),
        (Some("Application/X-Protobuf ; charset=utf-8"), Some("snappy"), &one, 204, false),
        (None, Some("snappy"), &one, 204, false),
        (None, None, &one, 204, false),
        (Some(""), Some(""), &one, 204, false),
        (Some(V2), Some("snappy"), &two, 204, true),
        (Some("application/x-protobuf; proto=\"io.prometheus.write.v2.Request\""), None, &two, 204, true),
        (Some("application/json"), Some("snappy"), &two, 415, false),
        (Some("image/png"), Some("snappy"), &two, 415, false),
        (Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), Some("snappy"), &two, 415, false),
        (Some("application/x-protobuf;proto"), Some("snappy"), &two, 415, false),
        (Some(V2), Some("gzip"), &two, 415, true),
        (Some(V2), Some("deflate"), &two, 415, true),
        (Some(V2), Some("zstd"), &two, 415, true),
        (Some("application/x-protobuf"), Some("gzip"), &one, 415, false),
        (Some(V2), Some("snappy, gzip"), &two, 415, true),
        (Some("image/png"), Some("gzip"), &two, 415, false),
    ];
    for (media, encoding, body, status, says) in cases {
        let tenant = ground.tenant();
        let headers = [("content-type", media), ("content-encoding", encoding)];
        let headers: Vec<_> = headers.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let got = ground.post(&tenant, &headers, body);
        let (is_done, written) = (status == 204, if status == 204 { [1, 0, 0] } else { [0; 3] });
        assert_eq!((got.status, got.written), (status, says.then_some(written)), "{headers:?}: {}", got.text);
        let sent = [&series[0]];
        ground.has(&tenant, if is_done { &sent } else { &[] }, &format!("{headers:?}"));
    }
    ground.end();
}

#[test]
fn a_body_that_is_no_message_is_refused_as_a_whole() {
    let ground = Ground::start();
    let series = [Series::named("up").sample(ground.at, 1.0), Series::named("down").sample(ground.at, 0.0)];
    // Nothing, in gzip.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec();
    for version in Version::ALL {
        let plain = request(version, &series);
        let packed = snappy(&plain);
        let mut flipped = packed.clone();
        flipped[0] ^= 0x40;
        // The framed format, which senders must not use.
        let framed = [b"\xff\x06\0\0sNaPpY".as_slice(), &packed].concat();
        let cases: [(&str, Vec<u8>); 9] = [
            ("nothing", vec![]),
            ("no snappy", b"invalid body".to_vec()),
            ("not compressed", plain.clone()),
            ("in gzip", gzip.clone()),
            ("framed", framed),
            ("cut short", packed[..packed.len() - 3].to_vec()),
            ("another length", flipped),
            ("no message", snappy(b"this is no message")),
            ("a message that is cut short", snappy(&plain[..plain.len() - 3])),
        ];
        for (name, body) in cases {
            let tenant = ground.tenant();
            let headers = [("content-encoding", "snappy"), ("content-type", version.content_type())];
            let got = ground.post(&tenant, &headers, &body);
            let written = (version == Version::V2).then_some([0; 3]);
            assert_eq!((got.status, got.written), (400, written), "{name}: {}", got.text);
            assert!(got.text.starts_with("expected "), "{name}: {}", got.text);
            ground.has(&tenant, &[], name);
        }
    }
    ground.end();
}

#[test]
fn other_methods_paths_and_tenants_are_refused_by_what_is_wrong_with_them() {
    let ground = Ground::start();
    let at = ground.weir.receive;
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        http::request(at, method, path, headers, body).unwrap()
    };
    let body = snappy(&request(Version::V1, &[Series::named("up").sample(ground.at, 1.0)]));
    for method in ["GET", "PUT", "DELETE"] {
        let got = ask(method, "/api/v1/receive", &[], &body);
        assert_eq!((got.status, got.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(ask("POST", "/api/v1/push", &[], &body).status, 404);
    assert_eq!(ask("POST", "/api/v1/write", &[], &body).status, 204);
    let got = ask("POST", "/api/v1/receive", &[("x-scope-orgid", "a/b")], &body);
    assert_eq!(got.status, 400, "{}", got.text());
    let got = ask("POST", "/api/v1/receive", &[("x-scope-orgid", "a"), ("thanos-tenant", "b")], &body);
    assert_eq!(got.status, 400, "{}", got.text());
    // A block that says to be longer than all that is read.
    let got = ask("POST", "/api/v1/receive", &[], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    assert_eq!(got.status, 400, "{}", got.text());
    ground.end();
}

#[test]
fn samples_histograms_exemplars_and_metadata_come_together() {
    let ground = Ground::start();
    let at = ground.at;
    let buckets = serde_json::json!([[0, "0.5", "1", "1"], [0, "1", "2", "2"]]);
    let histogram = |at| Histogram {
        at,
        count: 3.0,
        sum: 4.5,
        positive: (vec![(0, 2)], vec![1.0, 2.0]),
        shown: serde_json::json!({ "count": "3", "sum": "4.5", "buckets": buckets.clone() }),
        ..Histogram::default()
    };
    let trace = |i: usize| format!("trace-{i}");
    let family = [
        Series::new(&[("__name__", "requests_total"), ("code", "200")])
            .sample(at, 100.0)
            .exemplar(&[("trace_id", "a")], at, 1.0)
            .said(1, "Requests.", "requests"),
        Series::new(&[("code", "500"), ("__name__", "requests_total")]).sample(at, 3.0).said(
            1,
            "Requests.",
            "requests",
        ),
        Series::named("seconds").histogram(histogram(at)).exemplar(&[("trace_id", "b")], at, 0.7).said(3, "Time.", "s"),
        Series::named("temperature").sample(at, -3.5).sample(at + 1000, -3.25).said(2, "Outside, in °C.", "celsius"),
        Series::named("build_info").sample(at, 1.0).said(6, "What runs.", ""),
    ];
    ground.takes("several families", &family);
    let times: Vec<_> = [("an_hour_ago", -3_400_000), ("a_minute_ago", -60_000), ("then", 0), ("later", 50_000)]
        .iter()
        .map(|(name, t)| Series::named(name).sample(at + t, 1.0).exemplar(&[("trace_id", "a")], at + t, 1.0))
        .collect();
    ground.takes("mixed times", &times);
    let counted = |i: usize| Series::new(&[("__name__", "many_total"), ("i", &i.to_string())]);
    let samples: Vec<_> = (0..50)
        .map(|i| counted(i).sample(at + i as i64, i as f64).exemplar(&[("trace_id", &trace(i))], at + i as i64, 1.0))
        .map(|series| series.said(1, "Of many.", ""))
        .collect();
    ground.takes("fifty samples with exemplars", &samples);
    let histograms: Vec<_> = (0..50)
        .map(|i| {
            counted(i).histogram(histogram(at + i as i64)).exemplar(&[("trace_id", &trace(i))], at + i as i64, 1.0)
        })
        .collect();
    ground.takes("fifty histograms with exemplars", &histograms);
    let mut some: Vec<_> = samples.into_iter().chain(family).collect();
    some[7] = Series::new(&[("i", "7")]).sample(at, 1.0).bad();
    some[50] = Series::named("no_samples").bad();
    let bad = Histogram { count: 99.0, ..histogram(at) };
    some[52] = Series::named("seconds").histogram(bad).bad();
    let told = "series 8 {i=\"7\"}: expected a label `__name__`\nseries 51 {__name__=\"no_samples\"}: expected samples";
    ground.check("fifty of which some are bad", Version::V2, &some, 400, told);
    ground.end();
}

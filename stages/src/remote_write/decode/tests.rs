//! Tests of `remote_write::decode`: bad input, byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::remote_write::Count;
use crate::remote_write::wire::{put_bytes, put_double, put_integer, put_varint};

mod memory;

/// A message field by field.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn bytes(mut self, field: u32, bytes: impl AsRef<[u8]>) -> Self {
        put_bytes(field, bytes.as_ref(), &mut self.0);
        self
    }
    fn int(mut self, field: u32, value: u64) -> Self {
        put_integer(field, value, &mut self.0);
        self
    }
    fn double(mut self, field: u32, value: f64) -> Self {
        put_double(field, value, &mut self.0);
        self
    }
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    /// A label of 1.0.
    fn label(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let label = msg().bytes(1, name).bytes(2, value);
        self.bytes(1, label)
    }
    /// A sample of either version.
    fn sample(self, timestamp: i64, value: f64) -> Self {
        let sample = msg().double(1, value).int(2, timestamp as u64);
        self.bytes(2, sample)
    }
    /// The label references of 2.0.
    fn refs(self, refs: &[u64]) -> Self {
        let mut packed = Vec::new();
        refs.iter().for_each(|&r| put_varint(r, &mut packed));
        self.bytes(1, packed)
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn msg() -> Message {
    Message::default()
}

/// A request of 1.0 with these series.
fn v1(series: &[Message]) -> Message {
    series.iter().fold(msg(), |m, s| m.bytes(1, s))
}

/// A request of 2.0 with the symbols "", `__name__`, `up`, `job`, `node`, "\xff", and these series.
fn v2(series: &[Message]) -> Message {
    let symbols: [&[u8]; 6] = [b"", b"__name__", b"up", b"job", b"node", b"\xff"];
    let request = symbols.iter().fold(msg(), |m, s| m.bytes(4, s));
    series.iter().fold(request, |m, s| m.bytes(5, s))
}

fn limits() -> Limits {
    Limits { labels: 3, name_bytes: 8, value_bytes: 10, symbols: 8, batch_bytes: 1000 }
}

fn read(body: &Message, version: Version) -> Result<Decoded> {
    decode(&body.0, version, Tenant::default(), &limits())
}

/// `{labels} timestamp value` per sample.
fn shown(batch: &Batch) -> Vec<String> {
    let mut lines = Vec::new();
    for series in batch.iter() {
        for (i, (t, v)) in series.timestamps.iter().zip(series.values).enumerate() {
            let since = series.start_timestamps.get(i).filter(|&&s| s != 0).map(|s| format!(" since {s}"));
            lines.push(format!("{} {t} {v}{}", series.labels, since.unwrap_or_default()));
        }
    }
    lines
}

#[test]
fn bytes_that_are_no_request_fail_whole() {
    let check = |version: Version, body: Message, expect: &str| {
        let expect = format!("expected a `{}`, got {expect}", version.message());
        assert_eq!(read(&body, version).unwrap_err().message(), expect);
    };
    let (one, two) = (Version::V1, Version::V2);
    let good = msg().label("__name__", "up").sample(1, 1.0);
    check(one, msg().raw(&[0x00]), "a field number that does not exist at byte 0");
    check(one, msg().raw(&[0xff; 10]), "a varint of more than 64 bits at byte 0");
    check(one, msg().raw(&[0x80]), "a varint that is cut short at byte 0");
    check(one, msg().raw(&[0xff, 0xff, 0xff, 0xff, 0x7f]), "a field number that does not exist at byte 0");
    check(one, msg().raw(&[0x0a]), "a varint that is cut short at byte 1");
    check(one, msg().raw(&[0x0a, 0x05, 0x01]), "a length beyond the end of the message at byte 1");
    check(one, v1(std::slice::from_ref(&good)).raw(&[0x0a, 0x7f]), "a length beyond the end of the message at byte 32");
    check(
        one,
        msg().raw(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        "a length beyond the end of the message at byte 1",
    );
    check(one, msg().raw(&[0x08, 0x01]), "a field of the wrong wire type at byte 1");
    check(one, msg().raw(&[0x0b]), "a field of the wrong wire type at byte 1");
    check(one, msg().raw(&[0x53]), "a wire type that does not exist at byte 1");
    check(one, msg().raw(&[0x57]), "a wire type that does not exist at byte 1");
    check(one, msg().raw(&[0x51, 1, 2, 3]), "a number that is cut short at byte 1");
    check(one, msg().raw(&[0x55, 1, 2, 3]), "a number that is cut short at byte 1");
    check(one, v1(&[msg().int(1, 7)]), "a field of the wrong wire type at byte 3");
    check(one, v1(&[msg().bytes(1, msg().raw(&[0x0a, 9, b'a']))]), "a length beyond the end of the message at byte 5");
    check(one, v1(&[msg().bytes(1, msg().int(2, 7))]), "a field of the wrong wire type at byte 5");
    check(one, v1(&[msg().bytes(2, msg().int(1, 7))]), "a field of the wrong wire type at byte 5");
    check(one, v1(&[msg().bytes(2, msg().raw(&[0x09, 1, 2]))]), "a double that is cut short at byte 5");
    check(one, v1(&[msg().bytes(2, msg().raw(&[0x10, 0x80]))]), "a varint that is cut short at byte 5");
    check(one, msg().bytes(3, msg().bytes(1, "x")), "a field of the wrong wire type at byte 3");
    check(two, msg().raw(&[0x20, 0x01]), "a field of the wrong wire type at byte 1");
    check(two, msg().raw(&[0x22, 0x02, b'a']), "a length beyond the end of the message at byte 1");
    check(two, msg().bytes(5, msg().bytes(1, [0x80])), "a varint that is cut short at byte 4");
    check(two, msg().bytes(5, msg().double(1, 1.0)), "a field of the wrong wire type at byte 3");
    check(two, msg().bytes(5, msg().bytes(2, msg().int(1, 1))), "a field of the wrong wire type at byte 5");
    check(two, msg().bytes(5, msg().bytes(5, msg().double(3, 1.0))), "a field of the wrong wire type at byte 5");
}

#[test]
fn a_series_that_is_bad_by_itself_is_left_out_and_told() {
    let check = |version: Version, bad: Message, reason: Reason, samples: u64, expect: &str| {
        let (good, body) = match version {
            Version::V1 => (msg().label("__name__", "up").sample(1, 1.0), v1 as fn(&[Message]) -> Message),
            Version::V2 => (msg().refs(&[1, 2]).sample(1, 1.0), v2 as fn(&[Message]) -> Message),
        };
        let read = read(&body(&[good.clone(), bad, good]), version).unwrap();
        assert_eq!(shown(&read.batch), ["up 1 1", "up 1 1"], "the good series stay");
        assert_eq!(read.refused.counts(), [Count { reason, series: 1, samples }]);
        assert_eq!(read.refused.to_string(), format!("series 2 {expect}"));
        assert_eq!(read.refused.fails(version), version == Version::V2 || reason != Reason::InvalidLabels);
    };
    use Reason::*;
    let (one, two) = (Version::V1, Version::V2);
    let check_1 = |bad: Message, reason, samples, expect: &str| check(one, bad, reason, samples, expect);
    let check_2 = |bad: Message, reason, samples, expect: &str| check(two, bad, reason, samples, expect);
    let name = || msg().label("__name__", "up");
    check_1(msg().sample(1, 1.0), InvalidLabels, 1, "{}: expected a label `__name__`");
    check_1(
        msg().label("a", "b").sample(1, 1.0).sample(2, 1.0),
        InvalidLabels,
        2,
        "{a=\"b\"}: expected a label `__name__`",
    );
    check_1(msg().label("__name__", ""), InvalidLabels, 0, "{__name__=\"\"}: expected a label `__name__`");
    check_1(
        name().label("", "b"),
        InvalidLabels,
        0,
        "{=\"b\", __name__=\"up\"}: expected label names that are not empty",
    );
    check_1(
        name().label("a", b"\xff").sample(1, 1.0),
        InvalidLabels,
        1,
        "{__name__=\"up\", a=\"\u{fffd}\"}: expected labels in UTF-8",
    );
    check_1(
        name().label(b"\xc3", "b"),
        InvalidLabels,
        0,
        "{__name__=\"up\", \u{fffd}=\"b\"}: expected labels in UTF-8",
    );
    check_1(
        name().label("a", "b").label("a", "b"),
        InvalidLabels,
        0,
        "{__name__=\"up\", a=\"b\", a=\"b\"}: expected each label once, got `a` twice",
    );
    check_1(
        name().label("a", "").label("__name__", "up"),
        InvalidLabels,
        0,
        "{__name__=\"up\", __name__=\"up\", a=\"\"}: expected each label once, got `__name__` twice",
    );
    check_1(
        name().label("a", "1").label("b", "2").label("c", "3").sample(1, 1.0),
        LabelLimit,
        1,
        "{__name__=\"up\", a=\"1\", b=\"2\"}: expected at most 3 labels, got `4`",
    );
    check_1(
        name().label("nine_long", "b"),
        LabelLimit,
        0,
        "{__name__=\"up\", nine_long=\"b\"}: expected label names of at most 8 bytes, got `9`",
    );
    check_1(
        name().label("a", "eleven long"),
        LabelLimit,
        0,
        "{__name__=\"up\", a=\"eleven long\"}: expected label values of at most 10 bytes, got `11` in `a`",
    );
    check_1(
        name().bytes(4, msg().int(1, 1)).bytes(4, msg().int(1, 2)),
        InvalidHistogram,
        2,
        "{__name__=\"up\"}: a histogram: expected buckets with the `1` observations counted, got `0`",
    );
    check_2(msg().refs(&[]).sample(1, 1.0), InvalidLabels, 1, "{}: expected a label `__name__`");
    check_2(msg().refs(&[3, 4]).sample(1, 1.0), InvalidLabels, 1, "{job=\"node\"}: expected a label `__name__`");
    check_2(
        msg().refs(&[1, 2, 3, 5]).sample(1, 1.0),
        InvalidLabels,
        1,
        "{__name__=\"up\", job=\"\u{fffd}\"}: expected labels in UTF-8",
    );
    check_2(
        msg().refs(&[1, 2, 0, 4]).sample(1, 1.0),
        InvalidLabels,
        1,
        "{=\"node\", __name__=\"up\"}: expected label names that are not empty",
    );
    check_2(
        msg().refs(&[1, 2, 1, 4]).sample(1, 1.0),
        InvalidLabels,
        1,
        "{__name__=\"up\", __name__=\"node\"}: expected each label once, got `__name__` twice",
    );
    check_2(
        msg().refs(&[1, 2, 3]).sample(1, 1.0),
        InvalidReferences,
        1,
        "{}: expected pairs of label references, got `3` of them",
    );
    check_2(msg().refs(&[1, 6]).sample(1, 1.0), InvalidReferences, 1, "{}: expected a label among 6 symbols, got `6`");
    check_2(
        msg().refs(&[1, u64::MAX]).sample(1, 1.0),
        InvalidReferences,
        1,
        "{}: expected a label among 6 symbols, got `4294967295`",
    );
    check_2(
        msg().refs(&[1, 2]).sample(1, 1.0).bytes(5, msg().int(3, 6)),
        InvalidReferences,
        1,
        "{__name__=\"up\"}: expected a help among 6 symbols, got `6`",
    );
    check_2(
        msg().refs(&[1, 2]).sample(1, 1.0).bytes(5, msg().int(4, 7)),
        InvalidReferences,
        1,
        "{__name__=\"up\"}: expected a unit among 6 symbols, got `7`",
    );
    check_2(msg().refs(&[1, 2]), EmptySeries, 0, "{__name__=\"up\"}: expected samples or histograms");
    check_2(
        msg().refs(&[1, 2]).bytes(3, msg().int(1, 1)),
        InvalidHistogram,
        1,
        "{__name__=\"up\"}: a histogram: expected buckets with the `1` observations counted, got `0`",
    );
    check_2(
        msg().refs(&[1, 2, 3, 4, 3, 4, 3, 4, 3, 4]).sample(1, 1.0),
        LabelLimit,
        1,
        "{__name__=\"up\", job=\"node\", job=\"node\"}: expected at most 3 labels, got `5`",
    );
}

#[test]
fn a_request_beyond_its_limits_fails_whole() {
    let check = |version, body: Message, expect: &str| {
        assert_eq!(read(&body, version).unwrap_err().message(), expect);
    };
    let large = "expected samples that take at most 1000 bytes in memory";
    let samples = |n| (0..n).fold(msg().label("__name__", "up"), |m, t| m.sample(t, 1.0));
    assert!(read(&v1(&[samples(39)]), Version::V1).is_ok());
    check(Version::V1, v1(&[samples(41)]), large);
    check(Version::V1, v1(&[msg().raw(&[0x12, 0].repeat(42))]), large);
    check(Version::V1, v1(&vec![samples(1); 20]), large);
    check(Version::V1, msg().bytes(3, msg().bytes(2, "up").bytes(4, "long".repeat(300))), large);
    check(Version::V2, v2(&vec![msg().refs(&[1, 2]).sample(1, 1.0); 20]), large);
    check(Version::V2, v2(&[]).bytes(4, "7").bytes(4, "8").bytes(4, "9"), "expected at most 8 symbols");
}

#[test]
fn labels_are_sorted_and_empty_values_left_out() {
    let check = |version, body: Message, expect: &[&str]| {
        let read = read(&body, version).unwrap();
        assert!(read.refused.is_empty(), "{}", read.refused);
        assert_eq!(shown(&read.batch), expect);
        assert!(read.batch.iter().all(|s| weir_pipeline::Labels::check(s.labels.encoded()).is_ok()));
    };
    let one = msg().label("job", "node").label("a", "").label("__name__", "up").sample(2, 1.5).sample(-1, 0.0);
    check(Version::V1, v1(&[one]), &["up{job=\"node\"} 2 1.5", "up{job=\"node\"} -1 0"]);
    check(Version::V1, v1(&[msg().label("__name__", "a.b c\n").sample(0, 1.0)]), &["{__name__=\"a.b c\\n\"} 0 1"]);
    check(Version::V1, v1(&[msg().label("__name__", "no_sample")]), &[]);
    check(Version::V1, v1(&[msg().sample(1, 1.0).label("__name__", "late")]), &["late 1 1"]);
    let two = msg().refs(&[3, 4, 1, 2]).bytes(2, msg().double(1, 2.0).int(2, 9).int(3, 4)).sample(10, 3.0);
    check(Version::V2, v2(&[two]), &["up{job=\"node\"} 9 2 since 4", "up{job=\"node\"} 10 3"]);
    let unpacked = msg().int(1, 1).int(1, 2).refs(&[3]).int(1, 4).sample(1, 1.0);
    check(Version::V2, v2(&[unpacked]), &["up{job=\"node\"} 1 1"]);
    let late = msg().bytes(5, msg().refs(&[1, 2]).sample(1, 1.0)).bytes(4, "").bytes(4, "__name__").bytes(4, "up");
    check(Version::V2, late, &["up 1 1"]);
}

#[test]
fn what_is_unknown_is_skipped() {
    let unknown = |m: Message| m.int(15, 1).double(14, 1.0).bytes(13, "x").raw(&[0x65, 1, 2, 3, 4]).int(70_000, 1);
    let label = unknown(unknown(msg()).bytes(1, "__name__")).bytes(2, "up");
    let sample = unknown(msg().double(1, 1.0)).int(2, 1);
    let series = unknown(unknown(msg()).bytes(1, label)).bytes(2, sample.clone());
    let read_1 = read(&unknown(unknown(msg()).bytes(1, series)), Version::V1).unwrap();
    assert_eq!(shown(&read_1.batch), ["up 1 1"]);
    // Field 6 is the start timestamp of an earlier draft.
    let series = unknown(msg().refs(&[1, 2]).int(6, 5)).bytes(2, sample).bytes(5, unknown(msg()));
    let read_2 = read(&unknown(v2(&[series])), Version::V2).unwrap();
    assert_eq!(shown(&read_2.batch), ["up 1 1"]);
}

#[test]
fn exemplars_are_taken_unless_their_labels_are_too_long() {
    let long = "x".repeat(128);
    let of = |labels: Message| labels.double(2, 0.5).int(3, 7);
    let good = |m: Message, field| m.bytes(field, of(msg().label("job", "node")));
    let one = good(msg().label("__name__", "up").sample(1, 1.0), 3).bytes(3, of(msg().label("id", &long)));
    let alone = good(msg().label("__name__", "up"), 3);
    let two = msg().refs(&[1, 2]).bytes(4, of(msg().refs(&[3, 4])));
    for (body, version, dropped, samples) in [
        (v1(&[one]), Version::V1, 1, 1),
        // A sender may send an exemplar after its sample.
        (v1(&[alone]), Version::V1, 0, 0),
        (v2(std::slice::from_ref(&two)), Version::V2, 0, 0),
        (v2(&[two.bytes(4, of(msg().refs(&[3, 5])))]), Version::V2, 1, 0),
    ] {
        let read = read(&body, version).unwrap();
        assert_eq!((read.dropped_exemplars, read.batch.sample_count()), (dropped, samples));
        assert!(read.refused.is_empty());
        let [exemplar] = read.batch.series(0).exemplars else { panic!("one exemplar") };
        assert_eq!((exemplar.labels.to_string().as_str(), exemplar.value), ("{job=\"node\"}", 0.5));
        assert_eq!(exemplar.timestamp, 7);
    }
}

#[test]
fn samples_beside_histograms_are_kept() {
    let bad = msg().int(1, 1);
    let read = read(&v2(&[msg().refs(&[1, 2]).sample(1, 1.0).bytes(3, "").bytes(3, bad)]), Version::V2).unwrap();
    assert_eq!(shown(&read.batch), ["up 1 1"]);
    assert_eq!((read.batch.histogram_count(), read.refused.samples(Reason::InvalidHistogram)), (1, 1));
}

#[test]
fn a_thousand_refusals_are_told_in_a_few_words() {
    let bad = msg().label("a", "b").sample(1, 1.0);
    let told: Vec<String> = (1..=4).map(|i| format!("series {i} {{a=\"b\"}}: expected a label `__name__`\n")).collect();
    let read = read(&v1(&vec![bad; 1000]), Version::V1).unwrap();
    assert_eq!(read.refused.to_string(), format!("{}and 996 more series: invalid_labels", told.concat()));
    assert_eq!(read.refused.samples(Reason::InvalidLabels), 1000);
}

#[test]
fn metadata_of_1_0_is_kept() {
    let said = msg().int(1, 3).bytes(2, "h").bytes(4, "Help.").bytes(5, "seconds");
    let read = read(&msg().bytes(3, said).bytes(3, msg().int(1, 99).bytes(2, "x")).bytes(3, ""), Version::V1).unwrap();
    let [first, second] = read.batch.metadata() else { panic!("two families") };
    assert_eq!((first.metric.as_str(), first.help.as_str(), first.unit.as_str()), ("h", "Help.", "seconds"));
    assert_eq!(first.kind, weir_pipeline::batch::MetricKind::Histogram);
    assert_eq!((second.metric.as_str(), second.kind), ("x", weir_pipeline::batch::MetricKind::Unknown));
}

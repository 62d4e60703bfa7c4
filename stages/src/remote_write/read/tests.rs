//! Tests of `remote_write::read`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod histograms;

use proptest::prelude::*;
use weir_pipeline::{Batch, LabelSet};

use super::*;

/// Reads bits, the most significant first.
struct Reader<'a>(&'a [u8], usize);

impl Reader<'_> {
    fn bits(&mut self, count: usize) -> u64 {
        (0..count).fold(0, |bits, _| {
            let bit = self.0[self.1 / 8] >> (7 - self.1 % 8) & 1;
            self.1 += 1;
            bits << 1 | u64::from(bit)
        })
    }

    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bits(8);
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
}

/// What a reader of Prometheus makes of a chunk, by the description of the format.
fn read_chunk(data: &[u8]) -> Vec<(i64, u64)> {
    let mut r = Reader(data, 0);
    let count = r.bits(16);
    let (mut time, mut delta, mut bits, mut window) = (0i64, 0i64, 0u64, (0, 0));
    let mut out = Vec::new();
    for i in 0..count {
        if i == 0 {
            let zigzag = r.varint();
            (time, bits) = ((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64), r.bits(64));
            out.push((time, bits));
            continue;
        }
        if i == 1 {
            delta = r.varint() as i64;
        } else {
            let ones = (0..4).take_while(|_| r.bits(1) == 1).count();
            let size = [0, 14, 17, 20, 64][ones];
            let raw = r.bits(size);
            let is_negative = size > 0 && size < 64 && raw > 1 << (size - 1);
            let change = if is_negative { raw as i64 - (1 << size) } else { raw as i64 };
            delta = delta.wrapping_add(change);
        }
        time = time.wrapping_add(delta);
        if r.bits(1) == 1 {
            if r.bits(1) == 1 {
                let (leading, size) = (r.bits(5), r.bits(6));
                let size = if size == 0 { 64 } else { size };
                window = (64 - leading - size, size);
            }
            bits ^= r.bits(window.1 as usize) << window.0;
        }
        out.push((time, bits));
    }
    out
}

proptest! {
    #[test]
    fn chunks_read_back_as_they_were(
        start in any::<i64>(),
        steps in prop::collection::vec(prop_oneof![Just(15_000i64), 0..20_000i64, any::<i64>()], 0..130),
        values in prop::collection::vec(prop_oneof![Just(1.0), 0.0..100.0f64, any::<f64>()], 130),
    ) {
        let mut time = start;
        let timestamps: Vec<i64> = steps.iter().map(|step| { time = time.wrapping_add(*step); time }).collect();
        let values = &values[..timestamps.len()];
        let expect: Vec<(i64, u64)> = timestamps.iter().copied().zip(values.iter().map(|v| v.to_bits())).collect();
        prop_assert_eq!(read_chunk(&xor_chunk(&timestamps, values)), expect);
    }

    #[test]
    fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ReadRequest::decode(&bytes);
    }
}

#[test]
fn the_first_bytes_of_a_chunk_are_as_the_format_says() {
    assert_eq!(xor_chunk(&[], &[]), [0, 0]);
    assert_eq!(xor_chunk(&[1], &[0.0]), [0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    // The delta of 1, and one bit for a value as before.
    assert_eq!(xor_chunk(&[1, 2], &[0.0, 0.0]), [0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
}

/// A batch of one series.
fn batch(labels: &LabelSet, timestamps: &[i64], values: &[f64]) -> Batch {
    let mut batch = Batch::builder("t".parse().unwrap());
    batch.series(labels.as_labels());
    timestamps.iter().zip(values).for_each(|(t, v)| _ = batch.sample(*t, *v));
    batch.build()
}

fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|(field, bytes)| put_bytes(*field, bytes, &mut out));
    out
}

#[test]
fn a_request_says_what_is_asked_and_which_answers_are_taken() {
    let mut condition = Vec::new();
    put_integer(1, 2, &mut condition);
    condition.extend(message(&[(2, b"job"), (3, b"a|b")]));
    let mut query = Vec::new();
    put_integer(1, 5, &mut query);
    put_integer(2, -7i64 as u64, &mut query);
    query.extend(message(&[(3, &condition), (4, b"")]));
    let mut body = message(&[(1, &query), (1, &[])]);
    body.extend(message(&[(2, &[9, 1, 0])]));
    let request = ReadRequest::decode(&body).unwrap();
    let matchers = vec![Matcher::new("job", MatchOp::Match, "a|b").unwrap()];
    assert_eq!(request.queries, [ReadQuery { start: 5, end: -7, matchers }, ReadQuery::default()]);
    assert_eq!((request.accepts.as_slice(), request.kind()), ([9, 1, 0].as_slice(), Ok(AnswerKind::Chunks)));
    assert_eq!(ReadRequest::default().kind(), Ok(AnswerKind::Samples));
    let strange = ReadRequest { accepts: vec![7], ..ReadRequest::default() };
    let error = "server does not support any of the requested response types: [7]";
    assert_eq!(strange.kind(), Err(error.to_owned()));
}

#[test]
fn what_is_no_request_is_told() {
    let check = |body: &[u8], expect: &str| {
        let error = ReadRequest::decode(body).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    check(b"\x0a\xff", "expected a ReadRequest: a varint that is cut short");
    check(&message(&[(1, b"\x08")]), "expected a Query: a varint that is cut short");
    let condition = |fields: &[(u32, &[u8])], op: u64| {
        let mut condition = Vec::new();
        put_integer(1, op, &mut condition);
        condition.extend(message(fields));
        message(&[(1, &message(&[(3, &condition)]))])
    };
    check(&condition(&[], 4), "expected a type of matcher from 0 to 3, got `4`");
    check(&condition(&[(2, b"\xff")], 0), "expected matchers in UTF-8");
    check(&condition(&[(2, b"a"), (3, b"(")], 2), "missing");
    check(&message(&vec![(1, &b""[..]); 1001]), "expected at most 1000 queries");
}

#[test]
fn answers_are_written_as_their_messages_say() {
    let labels: LabelSet = [("__name__", "up"), ("a", "b")].into_iter().collect();
    let mut result = Vec::new();
    put_series(&batch(&labels, &[0, 5], &[0.0, 1.0]).series(0), &mut result);
    let label = |name: &[u8], value: &[u8]| message(&[(1, name), (2, value)]);
    let mut sample = Vec::new();
    put_double(1, 1.0, &mut sample);
    put_integer(2, 5, &mut sample);
    let series = message(&[(1, &label(b"__name__", b"up")), (1, &label(b"a", b"b")), (2, b""), (2, &sample)]);
    assert_eq!(result, message(&[(1, &series)]));
    let mut answer = Vec::new();
    put_result(&result, &mut answer);
    assert_eq!(answer, message(&[(1, &result)]));

    let mut frames = Vec::new();
    put_frames(&batch(&labels, &[1, 2], &[3.0, 4.0]).series(0), 2, &mut frames);
    let mut chunk = Vec::new();
    [(1, 1), (2, 2), (3, 1)].iter().for_each(|(field, value)| put_integer(*field, *value, &mut chunk));
    put_bytes(4, &xor_chunk(&[1, 2], &[3.0, 4.0]), &mut chunk);
    let series = message(&[(1, &label(b"__name__", b"up")), (1, &label(b"a", b"b")), (2, &chunk)]);
    let mut expect = message(&[(1, &series)]);
    put_integer(2, 2, &mut expect);
    let length = expect.len() as u8;
    assert_eq!(
        (frames[0], &frames[1..5], &frames[5..]),
        (length, &crc32c::crc32c(&expect).to_be_bytes()[..], &expect[..])
    );
}

#[test]
fn a_long_series_takes_several_frames() {
    let labels: LabelSet = [("__name__", "up")].into_iter().collect();
    let timestamps: Vec<i64> = (0..200_000).map(|i| i * 15_000).collect();
    let values: Vec<f64> = (0..200_000).map(|i| f64::from(i).sin()).collect();
    let mut frames = Vec::new();
    put_frames(&batch(&labels, &timestamps, &values).series(0), 0, &mut frames);
    let (mut rest, mut count) = (frames.as_slice(), 0);
    while !rest.is_empty() {
        let mut cursor = Cursor::new(rest);
        let len = cursor.varint().unwrap() as usize;
        let start = cursor.pos() + 4;
        assert!(len <= MAX_FRAME + 1000);
        rest = &rest[start + len..];
        count += 1;
    }
    assert!(count > 1, "{count}");
}

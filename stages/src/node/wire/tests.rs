//! Tests of `wire`: the frame around sections, and the replay of the fuzz corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use weir_pipeline::ack::Entry;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Ack, Batch, Error, Kind, LabelSet, Outcome, STALE, Tenant, testing};

use super::fuzz::fuzz;
use super::*;

/// A message in parts, to be put together wrongly.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) head: Vec<u8>,
    pub(super) sections: Vec<(u8, Vec<u8>)>,
}

impl Parts {
    /// The parts of a message whose sections are shorter than 128 bytes.
    pub(super) fn of(message: &[u8]) -> Self {
        let (mut sections, mut rest) = (Vec::new(), &message[4..message.len() - 4]);
        while let [id, len, after @ ..] = rest {
            let (bytes, next) = after.split_at(usize::from(*len));
            sections.push((*id, bytes.to_vec()));
            rest = next;
        }
        Self { head: message[..4].to_vec(), sections }
    }

    /// The same with other bytes in a section.
    pub(super) fn with(&self, id: u8, bytes: &[u8]) -> Self {
        let mut out = self.clone();
        out.sections.iter_mut().find(|(i, _)| *i == id).expect("there is such a section").1 = bytes.to_vec();
        out
    }

    /// The same without a section.
    pub(super) fn without(&self, id: u8) -> Self {
        let mut out = self.clone();
        out.sections.retain(|(i, _)| *i != id);
        out
    }

    /// The same with one more section before number `i`.
    pub(super) fn insert(&self, i: usize, id: u8, bytes: &[u8]) -> Self {
        let mut out = self.clone();
        out.sections.insert(i, (id, bytes.to_vec()));
        out
    }

    /// All but the checksum.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut out = self.head.clone();
        for (id, bytes) in &self.sections {
            out.extend_from_slice(&[*id, bytes.len() as u8]);
            out.extend_from_slice(bytes);
        }
        out
    }

    /// The message.
    pub(super) fn sealed(&self) -> Vec<u8> {
        sealed(&self.body())
    }
}

/// A message with its checksum.
pub(super) fn sealed(body: &[u8]) -> Vec<u8> {
    [body, &crc32c::crc32c(body).to_le_bytes()].concat()
}

pub(super) fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

/// What was read is refused as `Invalid`, with this message.
pub(super) fn refused<T: std::fmt::Debug>(read: weir_pipeline::Result<T>, expect: &str) {
    let error = read.expect_err(expect);
    assert_eq!((error.kind(), error.message()), (Kind::Invalid, expect));
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/node_wire")
}

fn corpus_batch() -> Batch {
    let mut out = Batch::builder(Tenant::new("acme").unwrap());
    out.series(set(&[("__name__", "up"), ("instance", "a:1"), ("job", "node")]).as_labels())
        .sample(1_700_000_000_000, 1.0);
    out.series(set(&[("__name__", "up"), ("instance", "b:1"), ("job", "node")]).as_labels())
        .sample(1_700_000_000_000, 0.0);
    out.series(set(&[("__name__", "h_bucket"), ("le", "0.5")]).as_labels())
        .sample_since(5, 7, 2.5)
        .sample(8, STALE)
        .sample(9, -0.0);
    out.series(set(&[]).as_labels());
    out.metadata(Metadata { metric: "h".into(), kind: MetricKind::Histogram, help: "H.".into(), unit: "s".into() });
    out.build()
}

fn corpus_ack() -> Ack {
    let mut ack = Ack::written(5).with(Outcome::Dropped, "filter", 300);
    ack.reject("too_old", "series `up` has a sample before 1970", 2);
    ack.push(Entry {
        outcome: Outcome::Rejected,
        reason: "of_tomorrow",
        detail: Some("no".into()),
        place: Some("store.sink.blocks".into()),
        count: 1,
        histograms: 0,
    });
    ack.created = 7;
    ack
}

fn corpus_error() -> Error {
    let kind = Kind::Unavailable { retry_after: Some(std::time::Duration::from_millis(2500)) };
    Error::new(kind, "the head is full").at(&"store.sink.blocks".into()).with_source(std::fmt::Error)
}

#[test]
fn the_corpus_holds_the_laws_and_so_do_its_mutations() {
    let files = testing::replay(&corpus(), 2000, b"", fuzz);
    assert!(files >= 12, "{files} files");
}

#[test]
fn a_message_cut_short_anywhere_is_refused_whether_its_checksum_is_right_or_not() {
    let (mut batch, mut ack, mut error) = (Vec::new(), Vec::new(), Vec::new());
    encode_batch(&corpus_batch(), &mut batch);
    encode_ack(&corpus_ack(), &mut ack);
    encode_error(&corpus_error(), &mut error);
    let limits = Limits::default();
    let check = |message: &[u8], refused: &dyn Fn(&[u8]) -> Option<Kind>, may_go: &[usize]| {
        for cut in 0..message.len() {
            assert_eq!(refused(&message[..cut]), Some(Kind::Invalid), "cut at {cut}");
            // Before the first section that may be absent, a message that is cut is still a message.
            let resealed = refused(&sealed(&message[..cut]));
            assert_eq!(resealed, if may_go.contains(&cut) { None } else { Some(Kind::Invalid) }, "cut at {cut}");
        }
    };
    let end = |message: &[u8], id| {
        let parts = Parts::of(message);
        let from = parts.sections.iter().position(|(i, _)| *i == id).unwrap();
        message.len() - 4 - parts.sections[from..].iter().map(|(_, bytes)| bytes.len() + 2).sum::<usize>()
    };
    let whole = |message: &[u8]| message.len() - 4;
    check(
        &batch,
        &|bytes| decode_batch(bytes, &limits).err().map(|e| e.kind()),
        &[end(&batch, 0x89), end(&batch, 0x0c), whole(&batch)],
    );
    check(&ack, &|bytes| decode_ack(bytes, &limits).err().map(|e| e.kind()), &[whole(&ack)]);
    check(
        &error,
        &|bytes| decode_error(bytes, &limits).err().map(|e| e.kind()),
        &[end(&error, 0x03), end(&error, 0x04), whole(&error)],
    );
}

#[test]
fn a_message_is_appended_to_what_is_there() {
    let mut out = b"before".to_vec();
    encode_ack(&Ack::written(3), &mut out);
    assert_eq!(decode_ack(&out[6..], &Limits::default()).unwrap(), Ack::written(3));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut message = Vec::new();
    encode_batch(&corpus_batch(), &mut message);
    for bit in 0..message.len() * 8 {
        let mut damaged = message.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_batch(&damaged, &Limits::default()).is_err(), "bit {bit}");
    }
}

#[test]
fn the_corpus_is_written_anew_from_the_encoder_when_asked_by_weir_bless() {
    if std::env::var_os("WEIR_BLESS").is_none() {
        return;
    }
    let write = |name: &str, choice: u8, body: &[u8]| {
        std::fs::write(corpus().join(name), [&[choice][..], body].concat()).unwrap();
    };
    let (mut batch, mut ack, mut error) = (Vec::new(), Vec::new(), Vec::new());
    encode_batch(&corpus_batch(), &mut batch);
    encode_ack(&corpus_ack(), &mut ack);
    encode_error(&corpus_error(), &mut error);
    for (choice, name, message) in [(0, "batch", &batch), (1, "ack", &ack), (2, "error", &error)] {
        let body = &message[..message.len() - 4];
        write(&format!("{name}-good"), choice, body);
        write(&format!("{name}-cut"), choice, &body[..body.len() - 3]);
        write(&format!("{name}-sealed"), choice | 4, message);
    }
    let mut none = Vec::new();
    encode_batch(&Batch::builder(Tenant::default()).build(), &mut none);
    write("batch-empty", 0, &none[..none.len() - 4]);
    let parts = Parts::of(&batch);
    write("batch-exemplars", 0, &parts.insert(9, 0x0b, b"later").body());
    write("batch-histograms", 0, &parts.insert(9, 0x8a, b"later").body());
    write("batch-unsorted", 0, &parts.with(0x85, &[0, 0, 3, 2, 1, 0]).body());
    write("batch-bomb", 0, &parts.with(0x87, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]).body());
    write("empty", 3, &[]);
}

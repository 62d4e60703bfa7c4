//! The fuzz target `node_wire`: the first byte chooses the message, the rest is the message without its checksum.

use weir_pipeline::testing::histogram_bits;
use weir_pipeline::{Ack, Batch, Error, Exemplar, Labels, SeriesId};

use super::{
    Limits, decode_ack, decode_batch, decode_cardinality, decode_changes, decode_error, decode_query, decode_tenants,
    encode_ack, encode_batch, encode_cardinality, encode_changes, encode_error, encode_query, encode_tenants,
};

/// What a batch may take, in bytes.
const BATCH_BYTES: u64 = 1 << 16;

/// Limits small enough for a fuzzer to reach.
fn limits() -> Limits {
    Limits {
        message_bytes: 1 << 14,
        batch_bytes: BATCH_BYTES,
        series: 64,
        samples: 256,
        dictionary: 64,
        labels: 16,
        name_bytes: 64,
        value_bytes: 256,
        entries: 16,
    }
}

/// Reads `data` and checks the laws: a batch has canonical labels and the ids that belong to them, and keeps to its
/// limits; what is read and written reads as the same.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    let Some((&choice, message)) = data.split_first() else { return };
    let mut sealed = message.to_vec();
    // Few mutations keep a checksum right; those that should fail by it are chosen by the third bit.
    if choice & 4 == 0 {
        sealed.extend_from_slice(&crc32c::crc32c(message).to_le_bytes());
    }
    match choice & 3 {
        0 => fuzz_batch(&sealed),
        1 => fuzz_ack(&sealed),
        2 => fuzz_error(&sealed),
        _ => {
            fuzz_batch(&sealed);
            fuzz_ack(&sealed);
            fuzz_error(&sealed);
            fuzz_query(&sealed);
            fuzz_cardinality(&sealed);
            fuzz_changes(&sealed);
            fuzz_tenants(&sealed);
        }
    }
}

fn fuzz_batch(bytes: &[u8]) {
    let Ok(batch) = decode_batch(bytes, &limits()) else { return };
    for series in batch.iter() {
        assert!(Labels::check(series.labels.encoded()).is_ok(), "labels are canonical: {:?}", series.labels);
        assert_eq!(series.id, SeriesId::of(series.labels.encoded()), "an id is that of the labels");
    }
    assert!(batch.byte_size() as u64 <= BATCH_BYTES, "a batch keeps to its limit");
    let mut again = Vec::new();
    encode_batch(&batch, &mut again);
    let read = decode_batch(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| same_batch(&batch, read)), "what is written reads the same: {read:?}");
}

fn fuzz_ack(bytes: &[u8]) {
    let Ok(ack) = decode_ack(bytes, &limits()) else { return };
    let mut again = Vec::new();
    encode_ack(&ack, &mut again);
    let read: Result<Ack, Error> = decode_ack(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| *read == ack), "what is written reads the same: {read:?}");
}

fn fuzz_error(bytes: &[u8]) {
    let Ok(error) = decode_error(bytes, &limits()) else { return };
    let mut again = Vec::new();
    encode_error(&error, &mut again);
    let read = decode_error(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| same_error(&error, read)), "what is written reads the same: {read:?}");
}

fn fuzz_query(bytes: &[u8]) {
    let Ok(query) = decode_query(bytes, &limits()) else { return };
    let mut again = Vec::new();
    let written = encode_query(&query, &mut again);
    assert!(written.is_ok(), "what is read is written: {written:?}");
    let read = decode_query(&again, &Limits::default());
    let same = |read: &weir_pipeline::Query| format!("{read:?}") == format!("{query:?}");
    assert!(read.as_ref().is_ok_and(same), "what is written reads the same: {read:?}");
}

fn fuzz_cardinality(bytes: &[u8]) {
    let Ok(found) = decode_cardinality(bytes, &limits()) else { return };
    let mut again = Vec::new();
    encode_cardinality(&found, &mut again);
    let read = decode_cardinality(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| *read == found), "what is written reads the same: {read:?}");
}

fn fuzz_changes(bytes: &[u8]) {
    let Ok(changes) = decode_changes(bytes, &limits()) else { return };
    let mut again = Vec::new();
    encode_changes(changes, &mut again);
    let read = decode_changes(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| *read == changes), "what is written reads the same: {read:?}");
}

fn fuzz_tenants(bytes: &[u8]) {
    let Ok(found) = decode_tenants(bytes, &limits()) else { return };
    let mut again = Vec::new();
    encode_tenants(&found, &mut again);
    let read = decode_tenants(&again, &Limits::default());
    assert!(read.as_ref().is_ok_and(|read| *read == found), "what is written reads the same: {read:?}");
}

/// Whether two batches hold the same, bit for bit.
pub(crate) fn same_batch(a: &Batch, b: &Batch) -> bool {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let starts = |s: &[i64], len: usize| if s.is_empty() { vec![0; len] } else { s.to_vec() };
    let counts = |batch: &Batch| (batch.sample_count(), batch.exemplar_count());
    let all = |batch: &Batch| (batch.tenant().clone(), batch.series_count(), counts(batch));
    let encoded = |exemplars: &[Exemplar]| {
        let mut out = Vec::new();
        exemplars.iter().for_each(|exemplar| exemplar.encode(&mut out));
        out
    };
    all(a) == all(b)
        && a.metadata() == b.metadata()
        && a.iter().zip(b.iter()).all(|(a, b)| {
            let len = a.timestamps.len();
            (a.id, a.labels, a.timestamps) == (b.id, b.labels, b.timestamps)
                && bits(a.values) == bits(b.values)
                && starts(a.start_timestamps, len) == starts(b.start_timestamps, len)
                && histogram_bits(a.histograms) == histogram_bits(b.histograms)
                && encoded(a.exemplars) == encoded(b.exemplars)
        })
}

/// Whether two errors say the same.
pub(super) fn same_error(a: &Error, b: &Error) -> bool {
    let all = |error: &Error| (error.kind(), error.message().to_owned(), error.place().map(str::to_owned));
    all(a) == all(b) && a.report() == b.report() && a.is_of_tenant() == b.is_of_tenant()
}

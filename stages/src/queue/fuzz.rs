//! The fuzz target `queue`: bytes of a segment after its header, which begin with eight bytes of salt.

use super::read::{Item, What, take};
use super::segment::{HEADER, Position, Record, decode_cursor, decode_header, encode_cursor, encode_header};
use crate::node::wire;

/// Reads `data` and checks the laws: what is read accounts for every byte, and a batch that is written again reads the same.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    if let Ok((number, salt)) = decode_header(data) {
        assert_eq!(decode_header(&encode_header(number, salt)), Ok((number, salt)), "a header reads the same");
    }
    if let Ok(at) = decode_cursor(data) {
        assert_eq!(decode_cursor(&encode_cursor(at)), Ok(at), "a cursor reads the same");
    }
    let Some((salt, records)) = data.split_first_chunk::<8>() else { return };
    let (salt, at) = (u64::from_le_bytes(*salt), Position { segment: 1, offset: HEADER as u64 });
    let (items, short) = take(records, at, records.len() as u64, salt);
    assert_eq!(short, None, "nothing is longer than the segment");
    let len: u64 = items.iter().map(|item| item.len).sum();
    assert_eq!(len, records.len() as u64, "every byte is accounted for");
    for Item { what, .. } in items {
        let What::Batch(batch, accepted) = what else { continue };
        let (mut payload, mut record) = (Vec::new(), Vec::new());
        wire::encode_batch(&batch, &mut payload);
        Record::of(&payload, batch.sample_count() as u64, accepted, salt).encode(salt, &mut record);
        record.extend_from_slice(&payload);
        let (again, _) = take(&record, at, record.len() as u64, salt);
        let same = |item: &Item| match &item.what {
            What::Batch(read, when) => wire::fuzz::same_batch(&batch, read) && *when == accepted,
            _ => false,
        };
        assert!(again.len() == 1 && again.iter().all(same), "what is written reads the same");
    }
}

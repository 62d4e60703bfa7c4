//! Rubbish in a segment never panics, and the records after it are still found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_pipeline::{Batch, LabelSet, Tenant};

use super::format::{
    EXEMPLARS, HAS_STARTS, HISTOGRAMS, RECORD_HEADER, RecordHeader, SAMPLES, SAYS, SegmentHeader, VERSION,
};
use super::record::{Defined, Entry};
use super::replay::Replay;
use super::segments::file_name;
use crate::seam::Fs;
use crate::seam::sim::SimFs;

const SALT: u64 = 7;

/// Takes the bytes for a whole segment, for a payload with a good checksum, and for damage between two good records.
///
/// # Panics
/// Where the law does not hold.
pub fn fuzz(data: &[u8]) {
    read(data.to_vec());
    let header = SegmentHeader { version: VERSION, number: 1, salt: SALT }.encode();
    for (kind, flags) in [(SAMPLES, 0), (SAMPLES, HAS_STARTS), (SAMPLES, SAYS), (HISTOGRAMS, 0), (EXEMPLARS, 0)] {
        let record = RecordHeader::of(kind, flags, data, SALT).encode(SALT);
        read([&header[..], &record, data].concat());
    }
    let mut defined = Defined::default();
    let (first, second) = (record(1, &mut defined), record(2, &mut defined));
    let found = read([&header[..], &first, data, &second].concat());
    // The data may be a good record too, or the beginning of one that swallows what follows.
    let swallows =
        data.windows(RECORD_HEADER).any(|w| w.first_chunk().is_some_and(|w| RecordHeader::decode(w, SALT).is_some()));
    assert!(swallows || found == [1, 2], "{found:?}");
}

/// A record of one sample at `ts`.
fn record(ts: i64, defined: &mut Defined) -> Vec<u8> {
    let labels = LabelSet::from_iter([("__name__", "up")]);
    let mut batch = Batch::builder(Tenant::default());
    batch.series(labels.as_labels()).sample(ts, 1.0);
    let entry = Entry::new(&batch.build(), [Some(1)]);
    let mut payload = Vec::new();
    let flags = entry.parts().first().map_or(0, |part| entry.write(part, defined, &mut payload));
    let header = RecordHeader::of(SAMPLES, flags, &payload, SALT).encode(SALT);
    [&header[..], &payload].concat()
}

/// The timestamps in a segment of these bytes.
fn read(bytes: Vec<u8>) -> Vec<i64> {
    let (fs, dir) = (SimFs::default(), Path::new("/log"));
    let _ = fs.create_dir_all(dir);
    fs.put(&dir.join(file_name(1)), bytes);
    let mut found = Vec::new();
    let Ok(mut replay) = Replay::new(Arc::new(fs), PathBuf::from(dir)) else { return found };
    while let Ok(Some((batch, _))) = replay.read() {
        found.extend(batch.iter().flat_map(|series| series.timestamps.to_vec()));
    }
    found
}

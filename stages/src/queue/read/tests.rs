//! Tests of `read`, and the replay of the fuzz corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use weir_pipeline::testing::{self, batch, text};

use super::super::fuzz::fuzz;
use super::super::segment::{Record, encode_cursor, encode_header};
use super::*;

const SALT: u64 = 9;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/queue")
}

/// The record of a batch.
fn record(lines: &str) -> Vec<u8> {
    let (batch, mut payload, mut bytes) = (batch(lines), Vec::new(), Vec::new());
    wire::encode_batch(&batch, &mut payload);
    Record::of(&payload, batch.sample_count() as u64, 5, SALT).encode(SALT, &mut bytes);
    bytes.extend_from_slice(&payload);
    bytes
}

/// What is read of these bytes of a segment: batches as text, and how many bytes and samples are damaged.
fn read(bytes: &[u8]) -> Vec<String> {
    let at = Position { segment: 1, offset: HEADER as u64 };
    let (items, short) = take(bytes, at, bytes.len() as u64, SALT);
    assert_eq!(short, None);
    let shown = |item: &Item| match &item.what {
        What::Batch(batch, accepted) => format!("{} at {accepted}", text(batch).trim_end()),
        What::Damaged(samples) => format!("{} bytes of {samples}", item.len),
        What::End => panic!("no end is read"),
    };
    items.iter().map(shown).collect()
}

#[test]
fn records_are_read_in_order_and_bad_ones_are_passed_over() {
    let (one, two, three) = (record("a 1"), record("b 1\nb 2 1"), record("c 1"));
    let all = [one.clone(), two.clone(), three.clone()].concat();
    assert_eq!(read(&all), ["a 1 at 5", "b 1\nb 2 1 at 5", "c 1 at 5"]);
    let mut damaged = all.clone();
    *damaged.get_mut(one.len() + two.len() - 1).unwrap() ^= 1;
    assert_eq!(read(&damaged), ["a 1 at 5", &format!("{} bytes of 2", two.len()), "c 1 at 5"]);
    // Without its header nobody knows where a record ends.
    damaged[one.len()] ^= 1;
    assert_eq!(read(&damaged), ["a 1 at 5", &format!("{} bytes of 0", two.len() + three.len())]);
}

#[test]
fn what_was_half_written_is_passed_over_wherever_it_ends() {
    let (one, two) = (record("a 1"), record("b 1"));
    for cut in 1..two.len() {
        let all = [&one[..], &two[..cut]].concat();
        assert_eq!(read(&all), ["a 1 at 5", &format!("{cut} bytes of 0")], "{cut}");
    }
}

#[test]
fn a_record_that_is_longer_than_a_chunk_is_read_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let name = "x".repeat(CHUNK / 4);
    let (long, short) =
        (record(&(0..5).map(|i| format!("a{{b=\"{i}{name}\"}} 1\n")).collect::<String>()), record("c 1"));
    let bytes = [&encode_header(1, SALT)[..], &short, &long, &short].concat();
    std::fs::write(path_of(dir.path(), 1), &bytes).unwrap();
    let (mut reader, mut at, mut seen) = (Reader::new(dir.path()), Position { segment: 1, offset: HEADER as u64 }, 0);
    while at.offset < bytes.len() as u64 {
        for item in reader.read(at, bytes.len() as u64).unwrap() {
            assert!(matches!(item.what, What::Batch(..)));
            (at, seen) = (item.next, seen + 1);
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn a_segment_whose_header_is_damaged_is_passed_over_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(path_of(dir.path(), 1), [&[0; HEADER][..], &record("a 1")].concat()).unwrap();
    let end = std::fs::metadata(path_of(dir.path(), 1)).unwrap().len();
    let items = Reader::new(dir.path()).read(Position { segment: 1, offset: HEADER as u64 }, end).unwrap();
    assert!(items.len() == 1 && matches!(items[0].what, What::Damaged(0)) && items[0].next.offset == end);
}

#[test]
fn the_corpus_holds_the_laws_and_so_do_its_mutations() {
    let files = testing::replay(&corpus(), 2000, b"", fuzz);
    assert!(files >= 6, "{files} files");
}

#[test]
fn the_corpus_is_written_anew_when_asked_by_weir_bless() {
    if std::env::var_os("WEIR_BLESS").is_none() {
        return;
    }
    std::fs::create_dir_all(corpus()).unwrap();
    let write = |name: &str, parts: &[&[u8]]| std::fs::write(corpus().join(name), parts.concat()).unwrap();
    let (salt, one, two) = (SALT.to_le_bytes(), record("a 1"), record("b{c=\"d\"} 2 3\nb{c=\"d\"} 4 5"));
    write("records", &[&salt, &one, &two]);
    write("record-cut", &[&salt, &one, &two[..two.len() - 3]]);
    write("header-cut", &[&salt, &one, &two[..9]]);
    write("payload-damaged", &[&salt, &one[..one.len() - 1], &[0], &two]);
    write("zeros", &[&salt, &one, &[0; 64]]);
    write("segment", &[&encode_header(1, SALT), &one]);
    write("cursor", &[&encode_cursor(Position { segment: 1, offset: 99 })]);
    write("empty", &[&salt]);
}

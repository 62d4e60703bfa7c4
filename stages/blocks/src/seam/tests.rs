#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use super::sim::{Fault, Op, SimFs};
use super::{Fs, RealFs};

fn write(fs: &dyn Fs, path: &Path, synced: &[u8], unsynced: &[u8]) {
    let mut file = fs.create(path).unwrap();
    file.write_all(synced).unwrap();
    file.sync().unwrap();
    file.write_all(unsynced).unwrap();
}

#[test]
fn synced_bytes_survive_every_crash_and_unsynced_ones_at_most_in_part() {
    for seed in 0..200 {
        let fs = SimFs::default();
        let path = Path::new("/d/f");
        fs.create_dir_all(Path::new("/d")).unwrap();
        write(&fs, path, b"synced", b"unsynced");
        fs.sync_dir(Path::new("/d")).unwrap();
        fs.crash(seed);
        let bytes = fs.bytes(path).unwrap();
        assert!(bytes.starts_with(b"synced") && bytes.len() <= 14, "seed {seed}: {bytes:?}");
    }
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let gone = |seed| {
        let fs = SimFs::default();
        fs.create_dir_all(Path::new("/d")).unwrap();
        write(&fs, Path::new("/d/f"), b"x", b"");
        fs.crash(seed);
        fs.bytes(Path::new("/d/f")).is_none()
    };
    assert!((0..20).any(gone) && !(0..20).all(gone));
}

#[test]
fn bytes_of_a_failed_sync_are_lost_even_if_the_next_one_succeeds() {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new("/d")).unwrap();
    let mut file = fs.create(Path::new("/d/f")).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    file.write_all(b"abc").unwrap();
    fs.inject(Op::Sync, 0, Fault::Broken);
    file.sync().unwrap_err();
    file.sync().unwrap();
    fs.crash(1);
    assert_eq!(fs.bytes(Path::new("/d/f")).unwrap(), [0, 0, 0]);
}

#[test]
fn a_full_disk_takes_what_fits_and_then_refuses() {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new("/d")).unwrap();
    fs.set_capacity(Some(4));
    let mut file = fs.create(Path::new("/d/f")).unwrap();
    assert_eq!(file.write_all(b"abcdef").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(fs.bytes(Path::new("/d/f")).unwrap(), b"abcd");
}

#[test]
fn a_fault_strikes_once_and_when_it_was_told_to() {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new("/d")).unwrap();
    fs.inject(Op::Write, 1, Fault::Short(2));
    let mut file = fs.create(Path::new("/d/f")).unwrap();
    assert_eq!(file.write(b"abc").unwrap(), 3);
    assert_eq!(file.write(b"abc").unwrap(), 2);
    assert_eq!(file.write(b"abc").unwrap(), 3);
    assert_eq!(fs.pending_faults(), 0);
}

#[test]
fn both_file_systems_do_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let sim = SimFs::default();
    for (fs, root) in [(&RealFs as &dyn Fs, dir.path()), (&sim, Path::new("/sim"))] {
        let root = root.join("a/b");
        assert_eq!(fs.list(&root).unwrap_err().kind(), ErrorKind::NotFound);
        fs.create_dir_all(&root).unwrap();
        write(fs, &root.join("one"), b"hello", b" you");
        assert_eq!(fs.create(&root.join("one")).err().unwrap().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs.len(&root.join("one")).unwrap(), 9);
        fs.truncate(&root.join("one"), 5).unwrap();
        fs.rename(&root.join("one"), &root.join("two")).unwrap();
        let mut text = String::new();
        fs.open(&root.join("two")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        let held = fs.lock(&root.join("lock")).unwrap();
        assert_eq!(fs.lock(&root.join("lock")).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(held);
        drop(fs.lock(&root.join("lock")).unwrap());
        fs.remove(&root.join("two")).unwrap();
        assert_eq!(fs.open(&root.join("two")).err().unwrap().kind(), ErrorKind::NotFound);
        fs.sync_dir(&root).unwrap();
    }
}

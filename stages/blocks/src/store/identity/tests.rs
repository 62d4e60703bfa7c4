//! Tests of `identity`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::seam::sim::{Fault, Op, SimFs};

const DIR: &str = "/store";

fn disk() -> SimFs {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs
}

fn next(fs: &SimFs) -> Result<Identity> {
    Identity::next(fs, Path::new(DIR))
}

#[test]
fn a_store_keeps_its_name_and_counts_its_lives() {
    let fs = disk();
    let first = next(&fs).unwrap();
    assert_eq!((first.life, first.writer.len()), (1, 26));
    for (life, seed) in (2..).zip(0..20) {
        fs.crash(seed);
        assert_eq!(next(&fs).unwrap(), Identity { life, ..first.clone() });
    }
    assert_ne!(next(&disk()).unwrap().writer, first.writer);
}

#[test]
fn a_life_that_could_not_be_written_down_does_not_begin() {
    for op in [Op::Create, Op::Write, Op::Sync, Op::SyncDir] {
        let fs = disk();
        let first = next(&fs).unwrap();
        fs.inject(op, 0, Fault::Broken);
        let error = next(&fs).unwrap_err();
        assert_eq!(error.report(), "the file `/store/identity` can't be written: input/output error", "{op:?}");
        let again = next(&fs).unwrap();
        assert!(again.writer == first.writer && again.life > 1, "{op:?}: {again:?}");
    }
}

#[test]
fn a_file_that_is_damaged_is_no_identity() {
    let check = |text: &str| {
        let fs = disk();
        fs.put(&Path::new(DIR).join("identity"), text.as_bytes().to_vec());
        let error = next(&fs).unwrap_err();
        assert_eq!(error.report(), "the file `/store/identity` can't be read: it is damaged", "{text}");
    };
    let good = Identity { writer: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(), life: 7 }.text();
    check("");
    check(&good[..good.len() - 1]);
    check(&good.replace('7', "8"));
    check(&good.replace("weir-store 1", "weir-store 2"));
    check(&format!("{good}\n"));
    check(&Identity { writer: "a".into(), life: u32::MAX }.text());
    let fs = disk();
    fs.put(&Path::new(DIR).join("identity"), good.into_bytes());
    assert_eq!(next(&fs).unwrap().life, 8);
}

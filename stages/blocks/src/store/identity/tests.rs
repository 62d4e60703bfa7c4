//! Tests of `identity`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::seam::sim::{Fault, Op, SimFs};

const DIR: &str = "/store";

const NOW: i64 = 1_700_000_000_123;

fn disk() -> SimFs {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs
}

fn next(fs: &SimFs) -> Result<Identity> {
    Identity::next(fs, Path::new(DIR), NOW)
}

#[test]
fn a_store_keeps_its_name_and_no_life_is_like_another() {
    let fs = disk();
    let first = next(&fs).unwrap();
    assert!(first.writer.len() == 26 && first.life > 0);
    let mut lives = vec![first.life];
    for seed in 0..20 {
        fs.crash(seed);
        let again = next(&fs).unwrap();
        assert_eq!(again.writer, first.writer);
        assert!(!lives.contains(&again.life), "{again:?}");
        lives.push(again.life);
    }
    assert_ne!(next(&disk()).unwrap().writer, first.writer);
}

#[test]
fn a_name_that_could_not_be_written_down_is_none() {
    for op in [Op::Create, Op::Write, Op::Sync, Op::SyncDir] {
        let fs = disk();
        fs.inject(op, 0, Fault::Broken);
        let error = next(&fs).unwrap_err();
        assert_eq!(error.report(), "the file `/store/identity` can't be written: input/output error", "{op:?}");
        let again = next(&fs).unwrap();
        assert_eq!(next(&fs).unwrap().writer, again.writer, "{op:?}");
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
    let good = text("01ARZ3NDEKTSV4RRFFQ69G5FAV", None);
    check("");
    check(&good[..good.len() - 1]);
    check(&good.replace("FAV", "FAW"));
    check(&good.replace("weir-store 1", "weir-store 2"));
    check(&format!("{good}\n"));
    let renewed = text("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some(NOW));
    check(&renewed[..renewed.len() - 10]);
    check(&renewed.replace(&NOW.to_string(), "now"));
    check(&renewed.replace("weir-store 2", "weir-store 1"));
    let fs = disk();
    fs.put(&Path::new(DIR).join("identity"), good.into_bytes());
    assert_eq!(next(&fs).unwrap().writer, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

#[test]
fn a_store_knows_for_ever_when_it_came() {
    let fs = disk();
    assert_eq!(next(&fs).unwrap().began(), NOW);
    assert_eq!(Identity::next(&fs, Path::new(DIR), NOW + 1000).unwrap().began(), NOW);
}

#[test]
fn a_store_that_lost_something_keeps_its_name_and_begins_anew() {
    let fs = disk();
    let first = next(&fs).unwrap();
    for later in [NOW + 1000, NOW + 2000] {
        first.renew(&fs, Path::new(DIR), later).unwrap();
        assert_eq!(first.began(), later);
        fs.crash(1);
        let again = next(&fs).unwrap();
        assert_eq!((again.writer.clone(), again.began()), (first.writer.clone(), later));
    }
}

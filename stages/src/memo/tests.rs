//! Tests of `memo`.

#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use weir_pipeline::{LabelSet, Tenant};

use super::*;

impl Remember for String {
    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

fn batch(names: impl IntoIterator<Item = u32>) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for name in names {
        out.series([("i", name.to_string())].into_iter().collect::<LabelSet>().as_labels());
    }
    out.build()
}

/// Recalls `names`, and returns how many were decided anew.
fn decided(memo: &Memo<String>, names: impl IntoIterator<Item = u32>) -> usize {
    let count = Cell::new(0);
    let batch = batch(names);
    let values = memo.recall(&batch, |labels| {
        count.set(count.get() + 1);
        labels.get("i").unwrap().to_owned()
    });
    let expect: Vec<_> = batch.iter().map(|s| s.labels.get("i").unwrap().to_owned()).collect();
    assert_eq!(values, expect);
    count.get()
}

#[test]
fn decides_about_each_series_once() {
    let memo = Memo::new(1 << 20);
    assert_eq!(decided(&memo, 0..100), 100);
    assert_eq!(decided(&memo, 0..100), 0);
    assert_eq!(decided(&memo, 50..150), 50);
}

#[test]
fn keeps_within_its_bytes_and_remembers_what_is_asked_for_often() {
    let bytes = 200 * (ENTRY_BYTES as u64 + 4);
    let memo = Memo::new(bytes);
    decided(&memo, 0..10);
    for from in (0..50).map(|i| 1000 + i * 40) {
        assert_eq!(decided(&memo, 0..10), 0, "{from}");
        assert_eq!(decided(&memo, from..from + 40), 40);
        assert!(memo.bytes() as u64 <= bytes);
    }
    assert_eq!(decided(&memo, 1000..1040), 40, "what nobody asked for is forgotten");
}

#[test]
fn remembers_nothing_without_room() {
    let memo = Memo::new(0);
    assert_eq!((decided(&memo, 0..10), decided(&memo, 0..10)), (10, 10));
    let memo = Memo::new(100);
    assert_eq!((decided(&memo, 0..10), decided(&memo, 0..10)), (10, 10), "an entry takes more");
    assert_eq!(memo.bytes(), 0);
}

#[test]
fn series_of_one_key_do_not_share_an_entry() {
    let mut generations = Generations { young: HashMap::default(), young_bytes: 0, old: HashMap::default() };
    let (one, two) = (SeriesId([1; 16]), SeriesId([2; 16]));
    generations.insert(7, Entry { id: one, value: "one".to_owned() }, 1000);
    generations.insert(7, Entry { id: two, value: "two!".to_owned() }, 1000);
    assert_eq!(generations.young[&7].id, two);
    assert_eq!(generations.young_bytes, ENTRY_BYTES + 4);
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::{LabelSet, Labels};

use super::Interned;

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

#[test]
fn labels_come_back_as_they_went_in_and_each_pair_is_there_once() {
    let mut interned = Interned::default();
    let sets = [
        labels(&[("__name__", "up"), ("job", "node")]),
        labels(&[("__name__", "down"), ("job", "node")]),
        labels(&[]),
        labels(&[("job", "node")]),
    ];
    let mut number = |set: &LabelSet| set.as_labels().pairs().map(|pair| interned.add(pair.encoded).0).collect();
    let ids: Vec<Vec<u32>> = sets.iter().map(&mut number).collect();
    assert_eq!(interned.end(), 3);
    for (set, ids) in sets.iter().zip(&ids) {
        let mut out = Vec::new();
        interned.spell(ids, &mut out);
        assert_eq!(Labels::from_canonical(&out), set.as_labels());
        for other in &sets {
            assert_eq!(interned.are(ids, other.as_labels().encoded()), other == set);
        }
    }
}

#[test]
fn the_number_of_a_pair_that_is_gone_goes_to_another_one() {
    let mut interned = Interned::default();
    let (a, b) = (labels(&[("a", "1")]), labels(&[("b", "2")]));
    let (first, second) = (interned.add(a.as_labels().encoded()), interned.add(b.as_labels().encoded()));
    assert_eq!((first, second), ((0, true), (1, true)));
    interned.remove(0);
    interned.remove(0);
    assert_eq!((interned.find(a.as_labels().encoded()), interned.value(0)), (None, ""));
    let third = labels(&[("c", "3")]);
    assert_eq!(interned.add(third.as_labels().encoded()), (0, true));
    assert_eq!((interned.value(0), interned.value(1)), ("3", "2"));
}

#[test]
fn memory_of_pairs_that_are_gone_is_given_back() {
    let mut interned = Interned::default();
    let sets: Vec<_> = (0..100).map(|n| labels(&[("n", &n.to_string())])).collect();
    let ids: Vec<_> = sets.iter().map(|set| interned.add(set.as_labels().encoded()).0).collect();
    ids.iter().filter(|id| **id != 7).for_each(|id| interned.remove(*id));
    interned.shrink();
    assert_eq!((interned.end(), interned.value(7)), (8, "7"));
    assert!(interned.add(sets[3].as_labels().encoded()).0 < 8);
    assert_eq!(interned.find(sets[7].as_labels().encoded()), Some(7));
}

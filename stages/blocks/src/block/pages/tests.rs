use proptest::prelude::*;

use super::*;

const BLOCK: Ulid = Ulid(7);

/// Ten bytes at a place, which say where.
fn range(at: u64) -> Range<u64> {
    at * 10..at * 10 + 10
}

fn page(at: u64) -> Bytes {
    vec![at as u8; 10].into()
}

/// A cache with room for so many pages in each generation.
fn pages(each: u64) -> Pages {
    Pages::new(2 * each * (ENTRY + 10))
}

fn has(pages: &Pages, at: u64) -> bool {
    pages.get(BLOCK, &[range(at)])[0].is_some()
}

#[test]
fn what_was_read_is_had_again_and_of_its_block_alone() {
    let pages = pages(4);
    pages.put(BLOCK, &range(1), &page(1));
    assert_eq!(pages.get(BLOCK, &[range(2), range(1)]), [None, Some(page(1))]);
    assert_eq!(pages.get(Ulid(8), &[range(1)]), [None]);
    assert_eq!((pages.hits.get(), pages.misses.get()), (1, 2));
}

#[test]
fn what_is_asked_for_outlives_what_is_not() {
    let pages = pages(2);
    for at in 0..20 {
        pages.put(BLOCK, &range(at), &page(at));
        assert!(has(&pages, 0), "after {at}");
    }
    assert!(!has(&pages, 10));
}

#[test]
fn what_is_larger_than_a_generation_is_not_kept() {
    let pages = pages(2);
    pages.put(BLOCK, &range(1), &page(1));
    pages.put(BLOCK, &(0..10_000), &vec![0; 10_000].into());
    assert_eq!(pages.get(BLOCK, &[0..10_000, range(1)]), [None, Some(page(1))]);
}

#[test]
fn a_part_of_a_buffer_does_not_keep_the_buffer() {
    let pages = pages(2);
    let whole = Bytes::from(vec![1; 1000]);
    pages.put(BLOCK, &range(1), &whole.slice(10..20));
    assert!(whole.is_unique());
}

proptest! {
    #[test]
    fn it_never_takes_more_than_its_budget_and_never_gives_other_bytes(asked in prop::collection::vec(0..40u64, 1..400)) {
        let pages = pages(8);
        for at in asked {
            match &pages.get(BLOCK, &[range(at)])[0] {
                Some(found) => prop_assert_eq!(found, &page(at)),
                None => pages.put(BLOCK, &range(at), &page(at)),
            }
            let generations = pages.generations.lock().unwrap();
            prop_assert!(generations.young.len() <= 8 && generations.old.len() <= 8);
            prop_assert_eq!(generations.bytes, generations.young.len() as u64 * (ENTRY + 10));
        }
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_page_is_had_again_and_of_its_block_alone() {
    let pages = Pages::new(1000);
    let page = Bytes::from(vec![1; 10]);
    pages.put(Ulid(7), &(10..20), &page);
    assert_eq!(pages.get(Ulid(7), &[20..30, 10..20]), [None, Some(page)]);
    assert_eq!(pages.get(Ulid(8), &[20..30, 10..20]), [None, None]);
}

#[test]
fn a_part_of_a_buffer_does_not_keep_the_buffer() {
    let pages = Pages::new(1000);
    let whole = Bytes::from(vec![1; 1000]);
    pages.put(Ulid(7), &(10..20), &whole.slice(10..20));
    assert!(whole.is_unique());
}

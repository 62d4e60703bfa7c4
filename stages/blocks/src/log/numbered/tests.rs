#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_number_has_the_value_that_was_set_last_and_else_the_default() {
    let mut numbered = Numbered::<u32, 16>::default();
    let numbers = [0, 1, 15, 16, 17, 1 << 40, u64::MAX, 16];
    for (value, number) in numbers.into_iter().enumerate() {
        assert_eq!(numbered.get(number), if value == 7 { 4 } else { 0 });
        numbered.set(number, value as u32 + 1);
    }
    let found: Vec<u32> = numbers.into_iter().map(|number| numbered.get(number)).collect();
    assert_eq!(found, [1, 2, 3, 8, 5, 6, 7, 8]);
    assert_eq!((numbered.get(2), numbered.get(1 << 41)), (0, 0));
    assert_eq!(numbered.pages.len(), 4);
}

use arrow::array::BinaryArray;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::Binaries;

proptest! {
    #[test]
    fn a_column_is_that_of_arrow(rows in vec(option::weighted(0.7, vec(any::<u8>(), 0..20)), 0..40)) {
        let mut own = Binaries::new(1);
        rows.iter().for_each(|row| own.push(row.as_deref()));
        let expected: BinaryArray = rows.iter().map(|row| row.as_deref()).collect();
        prop_assert_eq!(own.finish().unwrap(), expected);
    }

    #[test]
    fn rows_of_one_kind_need_no_mask(rows in 0_usize..40, present in any::<bool>()) {
        let mut own = Binaries::new(rows);
        (0..rows).for_each(|_| own.push(present.then_some(b"x".as_slice())));
        let expected: BinaryArray = (0..rows).map(|_| present.then_some(b"x".as_slice())).collect();
        prop_assert!(own.valid.is_empty());
        prop_assert_eq!(own.finish().unwrap(), expected);
    }
}

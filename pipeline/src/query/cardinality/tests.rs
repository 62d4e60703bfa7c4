//! Tests of `query::cardinality`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn those_of_which_there_is_most_are_kept() {
    let check = |limit: usize, counts: &[u64], expect: &[&str]| {
        let mut most = Most::new(limit);
        counts.iter().enumerate().for_each(|(i, count)| most.offer(*count, || format!("n{i}")));
        let names: Vec<String> = most.into_vec().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expect, "{limit} of {counts:?}");
    };
    check(2, &[], &[]);
    check(2, &[1, 3, 2], &["n1", "n2"]);
    check(2, &[5, 5, 5, 5, 5, 5], &["n0", "n1"]);
    check(2, &[1, 2, 3, 4, 5, 6, 7, 8], &["n7", "n6"]);
    check(3, &[8, 7, 6, 5, 4, 3, 2, 1], &["n0", "n1", "n2"]);
    check(0, &[1, 2], &[]);
}

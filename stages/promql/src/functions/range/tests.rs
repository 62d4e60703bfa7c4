#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

#[test]
fn range_functions_are_found_by_the_name_that_promql_has_for_them() {
    assert!(RANGE_FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
    for function in RANGE_FUNCTIONS {
        assert_eq!(find(function.name).map(|f| f.name), Some(function.name));
        let promql = crate::syntax::functions::find(function.name);
        assert_eq!(promql.is_some(), function.name != INSTANT, "{}", function.name);
    }
}

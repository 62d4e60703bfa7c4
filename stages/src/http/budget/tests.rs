//! Tests of `http::budget`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_share_of_the_budget_comes_back() {
    let budget = Budget::new(10);
    let used = || budget.0.used.load(Ordering::Relaxed);
    let (mut a, mut b) = (budget.share(), budget.share());
    assert_eq!((a.resize(6), b.resize(5), b.resize(4)), (Ok(()), Err(Full), Ok(())));
    assert_eq!((a.resize(7), a.resize(5), used()), (Err(Full), Ok(()), 9));
    drop(b);
    assert_eq!((a.resize(100), used()), (Ok(()), 100));
    let mut c = budget.share();
    assert_eq!((c.resize(1), a.resize(60), c.resize(0)), (Err(Full), Ok(()), Ok(())));
    drop(a);
    assert_eq!((used(), c.bytes()), (0, 0));
}

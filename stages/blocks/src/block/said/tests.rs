#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

fn said(n: usize, help: &str) -> Metadata {
    Metadata { metric: format!("m{n}"), help: help.to_owned(), ..Metadata::default() }
}

#[test]
fn what_several_blocks_say_is_kept_once_and_only_as_long_as_one_says_it() {
    let all = Said::default();
    let (a, b, other) = (all.share(said(1, "x")), all.share(said(1, "x")), all.share(said(1, "y")));
    assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &other));
    assert_eq!((&*a, &*other), (&said(1, "x"), &said(1, "y")));
    for n in 0..20 * FEW {
        all.share(said(n + 2, "z"));
    }
    let kept = all.0.lock().unwrap().by_name.len();
    assert!(kept <= 2 * FEW + 1, "{kept} names");
    assert!(Arc::ptr_eq(&a, &all.share(said(1, "x"))));
}

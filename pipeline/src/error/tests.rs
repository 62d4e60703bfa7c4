//! Tests of `error`.

use super::*;

fn kinds() -> [Kind; 7] {
    let retry_after = Some(Duration::from_secs(1));
    [
        Kind::Invalid,
        Kind::Unprocessable,
        Kind::TimedOut,
        Kind::Unavailable { retry_after },
        Kind::Overloaded { retry_after },
        Kind::Closed,
        Kind::Internal,
    ]
}

#[test]
fn only_what_may_succeed_later_is_retryable() {
    let retryable = kinds().into_iter().filter(|k| k.is_retryable()).map(Kind::as_str);
    assert_eq!(retryable.collect::<Vec<_>>(), ["timed_out", "unavailable", "overloaded"]);
}

#[test]
fn each_kind_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = kinds().into_iter().map(Kind::as_str).collect();
    assert_eq!(names.len(), kinds().len());
}

#[test]
fn the_innermost_place_stays() {
    let error = Error::invalid("expected a sample").at(&"a.sink.blocks".into()).at(&"a.stages[0].relabel".into());
    assert_eq!(error.place(), Some("a.sink.blocks"));
    assert_eq!(error.to_string(), "a.sink.blocks: expected a sample");
    assert_eq!(error.message(), "expected a sample");
}

#[test]
fn display_leaves_the_source_out_and_report_has_the_chain() {
    let disk = Error::internal("no space").with_source(std::io::Error::other("errno 28"));
    let error = Error::unavailable("the log can't grow").with_source(disk);
    assert_eq!(error.to_string(), "the log can't grow");
    assert_eq!(error.report(), "the log can't grow: no space: errno 28");
    assert_eq!(format!("{error:?}"), "unavailable(the log can't grow: no space: errno 28)");
}

#[test]
fn a_clone_is_the_same_error() {
    let error = Error::closed().at(&"a".into());
    assert_eq!(error.clone().report(), error.report());
    assert_eq!(error.clone().kind(), Kind::Closed);
}

#[test]
fn what_is_about_the_tenant_alone_says_so_and_its_own_limit_always_is() {
    let own = kinds().into_iter().filter(|k| Error::new(*k, "no").is_of_tenant()).map(Kind::as_str);
    assert_eq!(own.collect::<Vec<_>>(), ["overloaded"]);
    let error = Error::unavailable("it is being deleted").of_tenant();
    assert!(error.is_of_tenant() && error.clone().at(&"a".into()).with_source(Error::closed()).is_of_tenant());
}

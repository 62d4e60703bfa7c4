//! Tests of `adapt`.

use super::*;

#[test]
fn every_middleware_serves_both_paths() {
    let registry = Registry::default().with(register);
    let expect = ["buffer", "concurrency_limit", "load_shed", "rate_limit", "retry", "timeout"];
    assert_eq!(registry.names::<Write>()[1], expect);
    assert_eq!(registry.names::<Read>()[1], expect);
    assert!(registry.twice().is_empty());
}

#[test]
fn errors_of_a_pipeline_come_out_of_their_box() {
    let boxed = BoxError::from(Error::invalid("no").at(&"a.sink".into()));
    assert_eq!(unbox(boxed, Error::closed).to_string(), "a.sink: no");
    assert_eq!(unbox("other".into(), Error::closed).to_string(), "the pipeline is closed");
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::Blocks;

#[test]
fn the_sink_names_its_store_and_nothing_else() {
    let read = |json: &str| serde_json::from_str::<Blocks>(json);
    assert_eq!(read(r#"{"store": "central"}"#).unwrap().store.name(), "central");
    assert!(read("{}").unwrap_err().to_string().starts_with("missing field `store`"));
    assert!(read(r#"{"store": "a", "x": 1}"#).unwrap_err().to_string().starts_with("unknown field `x`"));
}

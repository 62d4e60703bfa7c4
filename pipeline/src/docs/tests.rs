//! Tests of `docs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

const SOURCE: &str = r#"//! `thin`: thins.
//!
//! ```yaml
//! thin: { by: 2 }
//! ```

use serde::Deserialize;

/// Thins.
///
/// A lot.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
)]
pub struct Thin {
    /// By how much.
    /// Default 2.
    #[serde(default = "two")]
    pub(super) by: u32,
    /// Of what kind.
    #[serde(default, rename = "type")]
    kind: Kind,
}

/// Not one of the settings.
fn two() -> u32 {
    2
}

/// Of which kind.
pub(crate) enum Kind {
    /// All the time.
    EveryTime(Span),
    /// Seldom.
    Seldom {
        /// How seldom.
        after: Span,
    },
    Never,
}

struct Unit;
"#;

fn docs() -> Docs {
    let mut docs = Docs::default();
    docs.add("weir::thin", SOURCE);
    docs.add("weir::other", "/// Others.\nstruct Thin {\n    /// Others.\n    by: u32,\n}\n");
    docs
}

#[test]
fn a_module_and_its_example_are_found() {
    assert_eq!(docs().module("weir::thin"), "`thin`: thins.\n\n```yaml\nthin: { by: 2 }\n```");
    assert_eq!(example(docs().module("weir::thin")).as_deref(), Some("thin: { by: 2 }"));
    assert_eq!((docs().module("weir::none"), example("no example")), ("", None));
}

#[test]
fn items_and_their_parts_have_their_docs() {
    let docs = docs();
    let thin = docs.item("weir::thin", "Thin", &["by", "type"]).unwrap();
    assert_eq!(
        (thin.docs(), thin.part("by"), thin.part("type")),
        ("Thins.\n\nA lot.", Some("By how much.\nDefault 2."), Some("Of what kind."))
    );
    let kind = docs.parts("weir::thin", &["every_time", "seldom", "never"]).unwrap();
    assert_eq!(kind.docs(), "Of which kind.");
    assert_eq!((kind.part("every_time"), kind.part("seldom")), (Some("All the time."), Some("Seldom.")));
    assert!(docs.parts("weir::thin", &["seldom", "never"]).is_none());
}

#[test]
fn of_items_of_one_name_the_one_that_fits_or_is_nearest_counts() {
    let docs = docs();
    assert_eq!(docs.item("weir::other", "Thin", &["by"]).unwrap().docs(), "Others.");
    assert_eq!(docs.item("weir::thin::deep", "Thin", &["by"]).unwrap().docs(), "Thins.\n\nA lot.");
    assert_eq!(docs.item("weir::other", "Thin", &["by", "type"]).unwrap().docs(), "Thins.\n\nA lot.");
    assert!(docs.item("weir::thin", "Thin", &["of"]).is_none());
}

#[test]
fn links_into_code_are_their_texts() {
    let check = |docs: &str, expect: &str| assert_eq!(without_links(docs), expect);
    check("as in [`tls`](crate::tls), or [`a`](b::c)", "as in `tls`, or `a`");
    check(
        "[the site](https://example.org) and `rules[].action`",
        "[the site](https://example.org) and `rules[].action`",
    );
    check("open [`tls`](crate::tls", "open [`tls`](crate::tls");
    check("{ targets: [\"a\"] }", "{ targets: [\"a\"] }");
}

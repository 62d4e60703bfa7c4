//! Tests of `config::shape`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::Selector;
use crate::fixture::Shelf;
use crate::units::{Address, Bytes, Ref, Secret, Span, above_zero, some_path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only their reading is of interest")]
struct All {
    on: bool,
    byte: u8,
    count: NonZeroUsize,
    small: Option<NonZeroU32>,
    signed: i64,
    ratio: f64,
    text: String,
    #[serde(default)]
    path: PathBuf,
    #[serde(deserialize_with = "some_path")]
    some: PathBuf,
    #[serde(deserialize_with = "above_zero")]
    every: Span,
    size: Option<Bytes>,
    listen: Address,
    secret: Secret,
    shelf: Option<Ref<Shelf>>,
    which: Selector,
    labels: BTreeMap<String, Span>,
    list: Vec<Inner>,
    filled: Filled,
    choice: Choice,
    again: Option<Box<All>>,
}

#[derive(Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "only their reading is of interest")]
struct Inner {
    renamed: u16,
    #[serde(rename = "type")]
    kind: String,
}

impl Default for Inner {
    fn default() -> Self {
        Self { renamed: 1, kind: String::new() }
    }
}

/// Checked once it is read: that hides nothing of its fields.
#[derive(Deserialize)]
#[serde(try_from = "Raw")]
struct Filled;

#[derive(Deserialize)]
#[allow(dead_code, reason = "only their reading is of interest")]
struct Raw {
    least: u32,
    most: Requests,
}

impl TryFrom<Raw> for Filled {
    type Error = String;
    fn try_from(_: Raw) -> Result<Self, String> {
        Err("expected something else".into())
    }
}

#[derive(Deserialize)]
#[serde(try_from = "usize")]
struct Requests;

impl TryFrom<usize> for Requests {
    type Error = String;
    fn try_from(n: usize) -> Result<Self, String> {
        if n == 0 { Err(format!("expected 1 to 10 requests, got `{n}`")) } else { Ok(Self) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only their reading is of interest")]
enum Choice {
    Off,
    EveryTime(Span),
    Sized { size: Bytes },
}

/// The shape of one field of `All`.
fn field(name: &str) -> Shape {
    let all = of::<All>();
    all.fields().iter().find(|(field, _)| field == name).unwrap().1.clone()
}

#[test]
fn every_field_is_there_in_its_order() {
    let all = of::<All>();
    let names: Vec<&str> = all.fields().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[19]), (20, "on", "again"));
    assert!(matches!(&all.form, Form::Fields(fields) if fields.of == "All"));
}

#[test]
fn a_type_is_told_in_words() {
    let check = |name, expect: &str| assert_eq!(field(name).to_string(), expect, "{name}");
    check("on", "`true` or `false`");
    check("byte", "a whole number from 0 to 255");
    check("count", "a whole number of at least 1");
    check("small", "a whole number from 1 to 4294967295");
    check("signed", "a whole number");
    check("ratio", "a number");
    check("text", "a text");
    check("path", "a text");
    check("some", "a path");
    check("every", "a duration such as `30s` or `1m30s`");
    check("size", "a size such as `64MiB` or `1GB`");
    check("listen", "a host and a port such as `127.0.0.1:9090`");
    check("secret", "a secret text");
    check("shelf", "the name of a resource");
    check("which", "a selector such as `{job=\"a\"}`");
    check("labels", "a map, below each name a duration such as `30s` or `1m30s`");
    check("list", "a list, each a map");
    check("choice", "one of `off`, `every_time`, `sized`");
    check("again", "the fields of `All` again");
}

#[test]
fn what_may_be_null_is_optional_and_a_reference_says_of_what() {
    assert!(field("small").optional && field("size").optional && !field("count").optional);
    let shelf = field("shelf");
    assert_eq!((shelf.optional, shelf.resource), (true, Some(std::any::type_name::<Shelf>())));
}

#[test]
fn what_stands_below_is_there_whatever_is_checked_above() {
    let filled = field("filled");
    let shown: Vec<_> = filled.fields().iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
    assert_eq!(shown, ["least: a whole number from 0 to 4294967295", "most: 1 to 10 requests"]);
    let Form::List(item) = field("list").form else { panic!("expected a list") };
    assert_eq!(item.fields().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["renamed", "type"]);
    let Form::Choice(variants) = field("choice").form else { panic!("expected a choice") };
    assert_eq!(variants[0].1.form, Form::Nothing);
    assert_eq!(variants[1].1.to_string(), "a duration such as `30s` or `1m30s`");
    assert_eq!(variants[2].1.fields()[0].1.to_string(), "a size such as `64MiB` or `1GB`");
}

#[test]
fn a_type_that_is_no_struct_has_a_shape_too() {
    assert_eq!(of::<Requests>().to_string(), "1 to 10 requests");
    assert_eq!(of::<Vec<String>>().to_string(), "a list, each a text");
    assert_eq!(of::<Option<Span>>().to_string(), "a duration such as `30s` or `1m30s`");
}

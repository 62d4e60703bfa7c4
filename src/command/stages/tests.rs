//! Tests of `stages`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use serde_json::Value;
use weir_pipeline::config::{Env, Node, parse};
use weir_pipeline::reference::{Component, Role};

use super::*;

fn node(text: &str) -> Node {
    parse("", text, &Env::from_fn(|_| None)).unwrap()
}

fn component(role: Role, name: &str) -> Component {
    registry().components().into_iter().find(|c| (c.role, c.name) == (role, name)).unwrap()
}

#[test]
fn every_component_has_an_example_that_is_valid() {
    for component in registry().components() {
        let name = component.name;
        assert!(!component.docs.is_empty(), "`{name}` has no docs");
        let settings = component.settings.clone().unwrap_or_else(|| panic!("`{name}` has no example"));
        assert_eq!(component.mistakes(&settings), [""; 0], "the example of `{name}`:\n{}", component.example);
    }
}

#[test]
fn every_setting_is_described() {
    let bare: Vec<String> = registry()
        .components()
        .iter()
        .flat_map(|c| c.fields.iter().filter(|s| s.docs.is_empty()).map(move |s| format!("{}.{}", c.name, s.path)))
        .collect();
    assert!(bare.is_empty(), "without docs: {bare:#?}");
}

#[test]
fn what_docs_call_the_default_is_the_default() {
    let mut checked = 0;
    for component in registry().components() {
        for setting in component.fields.iter().filter(|setting| !setting.path.contains(['.', '['])) {
            let Some(default) = &setting.default else { continue };
            // Words for what can't be written, as `Default that of the file`, read as nothing that is valid.
            let Some(with) = component.example_with(&setting.path, Some(node(default))) else { continue };
            let Some(without) = component.example_with(&setting.path, None) else { continue };
            let (Some(with), Some(without)) = (component.shown(&with), component.shown(&without)) else { continue };
            assert_eq!(with, without, "`{}` of `{}` is not {default} by default", setting.path, component.name);
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} defaults were checked");
}

#[test]
fn a_component_is_described_with_types_defaults_and_an_example() {
    let open = |of: &str| registry().kinds_that_open(of);
    let text = described(&component(Role::Source, "receive"), &open);
    for wanted in [
        "receive (source, write path)\n",
        "listen: a host and a port such as `127.0.0.1:9090`, required\n      Where to listen",
        "max_body: a size such as `64MiB` or `1GB`, default 32MiB\n",
        "concurrency: a whole number of at least 1, default 64\n",
        "tls_server_config.cert_file: ",
        "source: { receive: { listen: 127.0.0.1:19291 } }",
    ] {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    let text = described(&component(Role::Sink, "blocks"), &open);
    assert!(text.contains("store: the name of a resource `store`, required"), "{text}");
}

#[test]
fn the_list_has_all_with_a_sentence_for_each() {
    let all = registry().components();
    let text = list(&all);
    for component in &all {
        let said = summary(component);
        assert!(!said.is_empty() && text.contains(&said), "{}: {said}", component.name);
    }
}

#[test]
fn the_schema_has_every_component_and_refers_to_nothing_else() {
    let schema = schema::of(&registry());
    let definitions: BTreeSet<&String> = schema["$defs"].as_object().unwrap().keys().collect();
    assert_eq!(definitions.len(), registry().components().len());
    let mut references = Vec::new();
    collect(&schema, &mut references);
    assert!(references.len() >= definitions.len());
    for reference in references {
        assert!(definitions.contains(&reference.strip_prefix("#/$defs/").unwrap().to_owned()), "{reference}");
    }
    let receive = &schema["$defs"]["source.receive"];
    assert_eq!(receive["required"], serde_json::json!(["listen"]));
    assert_eq!(receive["properties"]["max_body"]["default"], "32MiB");
    assert_eq!(receive["additionalProperties"], false);
}

/// All references of a schema.
fn collect(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

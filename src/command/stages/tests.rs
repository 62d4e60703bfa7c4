//! Tests of `stages`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use serde_json::Value;
use weir_pipeline::config::shape::Form;
use weir_pipeline::config::{Env, Node, parse};
use weir_pipeline::plan::{Document, Plan};
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
fn a_setting_is_required_where_an_example_without_it_is_told_so() {
    let (mut required, mut wrong) = (0, Vec::new());
    for component in registry().components() {
        for setting in component.fields.iter().filter(|setting| !setting.path.ends_with('*')) {
            // Not so where the example does not have what it is in.
            let Some(without) = component.example_with(&setting.path, None) else { continue };
            let name = setting.path.rsplit('.').next().unwrap_or_default();
            let missing = format!("`{name}` is missing");
            let told = component.mistakes(&without).iter().any(|mistake| mistake.ends_with(&missing));
            required += usize::from(told);
            if told && !setting.required {
                wrong.push(format!("`{}` of `{}`", setting.path, component.name));
            }
        }
    }
    assert!(wrong.is_empty(), "missed, but not required: {wrong:#?}");
    assert!(required > 10, "only {required} are required");
}

#[test]
fn what_docs_call_the_default_is_the_default() {
    let (mut checked, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    for component in registry().components() {
        for setting in &component.fields {
            let Some(default) = &setting.default else { continue };
            let name = format!("`{}` of `{}`", setting.path, component.name);
            let Some(without) = component.example_with(&setting.path, None) else { continue };
            // Not so where the setting belongs to what the example does not have, as `region` to a bucket in S3.
            let Some(without) = component.shown(&without) else { continue };
            let with = component.example_with(&setting.path, Some(node(default))).unwrap();
            match component.shown(&with) {
                // What is resolved later, as a default that depends on other settings, is none until then.
                Some(_) if setting.shape.optional && without.contains(&absent(&setting.path)) => continue,
                Some(with) if with == without => {}
                Some(with) => wrong.push(format!("{name} is not {default}:\n{with}\n{without}")),
                None => {
                    let mistakes = component.mistakes(&with);
                    // It goes with settings that the example does not have.
                    let is_of_others = mistakes.iter().all(|mistake| mistake.contains(" only with "));
                    unknown.extend((!is_of_others).then(|| format!("{name}: {default}: {mistakes:?}")));
                }
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(unknown.is_empty(), "no values; words follow `Default:`: {unknown:#?}");
    assert!(checked > 100, "only {checked} defaults were checked");
}

/// How a setting is shown that is not there.
fn absent(path: &str) -> String {
    format!("{}: None", path.rsplit('.').next().unwrap())
}

#[test]
fn what_may_be_left_out_says_what_it_is_then() {
    let mut bare = Vec::new();
    for component in registry().components() {
        for setting in component.fields.iter().filter(|setting| !setting.required && !setting.shape.optional) {
            let is_scalar = !matches!(setting.shape.form, Form::Fields(_) | Form::List(_) | Form::Map(_));
            let is_variant = setting.docs.is_empty() || is_below_choice(&component, &setting.path);
            if is_scalar && !is_variant && !setting.docs.contains("efault") {
                bare.push(format!("{}.{}: {}", component.name, setting.path, setting.docs));
            }
        }
    }
    assert!(bare.is_empty(), "{bare:#?}");
}

/// Whether a setting is what stands below one of several words.
fn is_below_choice(component: &Component, path: &str) -> bool {
    let above = path.rsplit_once('.').map_or("", |(above, _)| above);
    component.fields.iter().any(|setting| setting.path == above && matches!(setting.shape.form, Form::Choice(_)))
}

#[test]
fn what_a_struct_fills_in_is_not_required() {
    let open = |of: &str| registry().kinds_that_open(of);
    let text = described(&component(Role::Resource, "store"), &open);
    assert!(text.contains("  head.memory: a size such as `64MiB` or `1GB`, default 256MiB\n"), "{text}");
    assert!(text.contains("  path: a path, required\n"), "{text}");
    let text = described(&component(Role::Resource, "ring"), &open);
    assert!(text.contains("  members[].address: a text, required\n"), "{text}");
}

#[test]
fn the_docs_of_every_component_begin_with_its_name_and_what_it_does() {
    for component in registry().components() {
        let (name, summary) = (component.name, component.summary());
        assert!(component.docs.starts_with(&format!("`{name}`: ")), "{name}: {}", component.docs);
        let is_name = summary.starts_with("Prometheus'");
        assert!(is_name || summary.starts_with(char::is_lowercase), "{name}: {summary}");
    }
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
fn a_component_of_a_plugin_is_described_like_those_of_weir() {
    let registry = registry().with(weir_plugin_scale::register);
    let all = registry.components();
    assert!(list(&all).contains("  scale "), "{}", list(&all));
    let scale = all.iter().find(|component| component.name == "scale").unwrap();
    assert_eq!(scale.mistakes(scale.settings.as_ref().unwrap()), [""; 0], "{}", scale.example);
    let text = described(scale, &|of| registry.kinds_that_open(of));
    for wanted in [
        "scale (stage, write path)\n",
        "`scale`: multiplies the values of some series.\n",
        "scale: { selector: 'temperature_millicelsius', factor: 0.001 }\n",
        "  selector: a selector such as `{job=\"a\"}`, required\n      Which series.\n",
        "  factor: a number, required\n      By what.\n",
    ] {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
}

#[test]
fn a_mistake_in_the_settings_of_a_plugin_has_a_place_and_a_suggestion() {
    let registry = registry().with(weir_plugin_scale::register);
    let text = "name: p\nsource: { receive: { listen: 127.0.0.1:1 } }\nstages:\n  - scale: { selector: up, factr: 2 }\n\
                sink: stdout\n";
    let check = |text: String| {
        let document = Document { name: "scale.yaml".to_owned(), text };
        let mistakes = Plan::read(&[document], &registry, &Env::from_fn(|_| None)).err().unwrap_or_default();
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(check(text.replace("factr", "factor")), [""; 0]);
    let mistakes = check(text.to_owned());
    let [mistake] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
    let begin = "scale.yaml:4:28: stages[0].scale.factr: ";
    assert!(mistake.starts_with(begin) && mistake.contains("did you mean `factor`?"), "{mistake}");
}

#[test]
fn the_list_has_all_with_a_sentence_for_each() {
    let all = registry().components();
    let text = list(&all);
    for component in &all {
        let said = component.summary();
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

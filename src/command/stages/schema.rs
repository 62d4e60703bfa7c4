//! A JSON Schema of pipeline files, draft 2020-12.

use serde_json::{Map, Value, json};
use weir_pipeline::Registry;
use weir_pipeline::config::shape::{Form, Shape};
use weir_pipeline::reference::{Component, Role, Setting};

/// How a scalar begins that the environment fills in: it may stand in the place of anything.
const VARIABLE: &str = r"\$\{";

/// The schema of all files that this registry reads.
pub(crate) fn of(registry: &Registry) -> Value {
    let all = registry.components();
    let mut definitions = Map::new();
    for component in &all {
        let open = |of: &str| registry.kinds_that_open(of);
        definitions.insert(definition(component.role, component.name), settings(component, &open));
    }
    let one = |role| json!({ "oneOf": choices(&all, role) });
    let properties = json!({
        "name": { "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*$", "description": "The pipeline's name." },
        "external_labels": {
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
            "description": "Labels that every series gets that does not have them.",
        },
        "source": one(Role::Source),
        "stages": { "type": ["array", "null"], "items": one(Role::Stage) },
        "sink": one(Role::Sink),
        "resources": { "type": "object", "additionalProperties": one(Role::Resource) },
        "tests": { "type": "array", "items": test() },
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline file of Weir",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "dependentRequired": { "name": ["source", "sink"], "source": ["name", "sink"], "sink": ["name", "source"] },
        "$defs": definitions,
    })
}

/// A test of a pipeline.
fn test() -> Value {
    json!({
        "type": "object",
        "required": ["name", "input"],
        "properties": {
            "name": { "type": "string" },
            "tenant": { "type": "string" },
            "input": { "type": "string", "description": "Samples as expositions have them, one a line." },
            "output": { "type": "string", "description": "What reaches the sink." },
            "dropped": { "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } },
        },
        "additionalProperties": false,
    })
}

fn definition(role: Role, name: &str) -> String {
    format!("{}.{name}", role.as_str())
}

/// `kind: settings` for each component of a role, and `kind` alone.
fn choices(all: &[Component], role: Role) -> Vec<Value> {
    let of_role = || all.iter().filter(|component| component.role == role);
    let mut choices: Vec<Value> = of_role()
        .map(|component| {
            let reference = json!({ "$ref": format!("#/$defs/{}", definition(role, component.name)) });
            json!({
                "type": "object",
                "properties": { component.name: reference },
                "required": [component.name],
                "additionalProperties": false,
            })
        })
        .collect();
    // Where nothing must be given, the name is enough.
    let alone: Vec<&str> =
        of_role().filter(|component| component.stands_alone()).map(|component| component.name).collect();
    if !alone.is_empty() {
        choices.push(json!({ "enum": alone }));
    }
    choices
}

fn settings(component: &Component, open: &dyn Fn(&str) -> Vec<&'static str>) -> Value {
    let mut schema = shape(&component.shape, "", &component.fields, open);
    // No settings at all are empty settings.
    if component.stands_alone() {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), component.docs.clone().into());
    }
    schema
}

/// The schema of what stands at a path.
fn shape(of: &Shape, path: &str, all: &[Setting], open: &dyn Fn(&str) -> Vec<&'static str>) -> Value {
    let mut schema = match &of.form {
        Form::Truth => scalar(json!({ "type": "boolean" })),
        Form::Whole { min, max } => scalar(whole(*min, *max)),
        Form::Number => scalar(json!({ "type": "number" })),
        // A text may look like a number.
        Form::Text => json!({ "type": ["string", "number", "boolean"] }),
        Form::List(item) => json!({ "type": "array", "items": shape(item, &format!("{path}[]"), all, open) }),
        Form::Map(value) => {
            json!({ "type": "object", "additionalProperties": shape(value, &join(path, "*"), all, open) })
        }
        Form::Choice(variants) => choice(variants, path, all, open),
        Form::Fields(fields) => {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, field) in &fields.fields {
                let at = join(path, name);
                let mut schema = shape(field, &at, all, open);
                if let Some(setting) = all.iter().find(|setting| setting.path == at) {
                    describe(&mut schema, setting, open);
                    required.extend(setting.required.then(|| name.clone()));
                }
                properties.insert(name.clone(), schema);
            }
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
        Form::Nothing => json!({ "type": "null" }),
        Form::Any => json!({}),
    };
    if of.optional {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    schema
}

/// A scalar that is no text, which a variable may stand for.
fn scalar(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": VARIABLE }] })
}

fn whole(min: i128, max: i128) -> Value {
    let mut schema = json!({ "type": "integer" });
    if let (Ok(min), Some(map)) = (i64::try_from(min), schema.as_object_mut()) {
        map.insert("minimum".into(), min.into());
    }
    if let (Ok(max), Some(map)) = (u64::try_from(max), schema.as_object_mut()) {
        map.insert("maximum".into(), max.into());
    }
    schema
}

fn choice(
    variants: &[(String, Shape)],
    path: &str,
    all: &[Setting],
    open: &dyn Fn(&str) -> Vec<&'static str>,
) -> Value {
    let words: Vec<&str> =
        variants.iter().filter(|(_, shape)| shape.form == Form::Nothing).map(|(name, _)| name.as_str()).collect();
    let mut choices = Vec::new();
    if !words.is_empty() {
        choices.push(json!({ "enum": words }));
    }
    for (name, of) in variants.iter().filter(|(_, shape)| shape.form != Form::Nothing) {
        let below = shape(of, &join(path, name), all, open);
        choices.push(json!({
            "type": "object",
            "properties": { name: below },
            "required": [name],
            "additionalProperties": false,
        }));
    }
    json!({ "anyOf": choices })
}

/// Adds what is known of a setting to its schema.
fn describe(schema: &mut Value, setting: &Setting, open: &dyn Fn(&str) -> Vec<&'static str>) {
    let Some(schema) = schema.as_object_mut() else { return };
    let mut text = setting.docs.replace('\n', " ");
    if let Some(of) = &setting.shape.of {
        text = format!("{text} Takes {of}.");
    }
    if let Some(kinds) = setting.shape.resource.map(open) {
        text = format!("{text} The name of a resource `{}`.", kinds.join("`, `"));
    }
    let text = text.trim();
    if !text.is_empty() {
        schema.insert("description".into(), text.into());
    }
    if let Some(default) = &setting.default {
        // As YAML has it: a number is one.
        let default = serde_json::from_str(default).unwrap_or_else(|_| Value::from(default.as_str()));
        schema.insert("default".into(), default);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

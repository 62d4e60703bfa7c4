//! The assembled tree as text.

use std::fmt::Write as _;

use super::{Part, Parts, Pipeline, Plan};
use crate::config::{Key, Node, Value};
use crate::path::Path;
use crate::registry::Step;

/// The keys whose texts nobody should see.
const SECRETS: [&str; 6] =
    ["bearer_token", "credentials", "password", "secret_access_key", "secret_key", "session_token"];

/// The longest rendering of settings, in characters.
const WIDTH: usize = 100;

// === impl Plan ===

impl Plan {
    /// The tree of every pipeline of `file`, or of all files, as indented text.
    pub fn explain(&self, file: Option<&str>) -> String {
        let mut out = String::new();
        for pipeline in &self.pipelines {
            match pipeline {
                Pipeline::Write(parts) => parts.explain(file, &mut out),
                Pipeline::Read(parts) => parts.explain(file, &mut out),
            }
        }
        if !self.resources.is_empty() {
            out.push_str("resources, in the order in which they are opened\n");
        }
        for declared in &self.resources {
            let _ = writeln!(out, "  {}: {}{}", declared.name, declared.kind, short(&declared.settings));
        }
        out
    }
}

// === impl Parts ===

impl<P: Path> Parts<P> {
    fn explain(&self, file: Option<&str>, out: &mut String) {
        if file.is_some_and(|file| file != self.file) {
            return;
        }
        let _ = writeln!(out, "{} ({} path, {})", self.name, P::NAME, self.file);
        let mut depth = 1;
        let mut line = |depth: usize, place: &str, text: String| {
            let _ = writeln!(out, "{}{place}:{text}", "  ".repeat(depth));
        };
        line(depth, "source", shown(&self.source));
        if !self.external_labels.is_empty() {
            depth += 1;
            line(depth, "external_labels", format!(" {}", self.external_labels));
        }
        for (i, step) in self.steps.iter().enumerate() {
            depth += 1;
            line(depth, &format!("stages[{i}]"), shown(step));
            if matches!(step.value, Step::Fanout(_)) {
                depth += 1;
                line(depth, "each branch", String::new());
            }
        }
        line(depth + 1, "sink", shown(&self.sink));
    }
}

fn shown<T>(part: &Part<T>) -> String {
    format!(" {}{}", part.kind, short(&part.settings))
}

pub(super) fn short(settings: &Node) -> String {
    if settings.is_null() {
        return String::new();
    }
    let text = without_secrets(settings).to_string();
    if text.chars().count() <= WIDTH {
        return format!(" {text}");
    }
    format!(" {}…", text.chars().take(WIDTH).collect::<String>())
}

/// The node as it may be shown: without passwords and the like, the values of headers, and the queries of addresses.
fn without_secrets(node: &Node) -> Node {
    let shown = |(key, node): &(Key, Node)| {
        let node = match &node.value {
            Value::Scalar { .. } if SECRETS.contains(&key.text.as_str()) => hidden(node),
            Value::Scalar { text, plain } if key.text == "url" => {
                let text = text.split('?').next().unwrap_or_default().to_owned();
                Node { at: node.at, value: Value::Scalar { text, plain: *plain } }
            }
            Value::Map(headers) if key.text == "headers" => {
                let headers = headers.iter().map(|(name, value)| (name.clone(), hidden(value))).collect();
                Node { at: node.at, value: Value::Map(headers) }
            }
            _ => without_secrets(node),
        };
        (key.clone(), node)
    };
    let value = match &node.value {
        Value::Map(entries) => Value::Map(entries.iter().map(shown).collect()),
        Value::List(items) => Value::List(items.iter().map(without_secrets).collect()),
        other => other.clone(),
    };
    Node { at: node.at, value }
}

fn hidden(node: &Node) -> Node {
    Node { at: node.at, value: Value::Scalar { text: "<secret>".into(), plain: true } }
}

//! A plan as YAML: what runs, with the environment filled in and without secrets.

use super::{Part, Parts, Pipeline, Plan};
use crate::config::{Node, Value};
use crate::path::Path;

// === impl Plan ===

impl Plan {
    /// What runs as YAML documents, one for each pipeline and one for all resources: variables of the environment are filled
    /// in, and secrets are hidden. What a file says only to say it otherwise, comments and anchors, is gone.
    pub fn yaml(&self) -> String {
        let mut documents: Vec<String> = Vec::new();
        for pipeline in &self.pipelines {
            documents.push(match pipeline {
                Pipeline::Write(parts) => parts.yaml(),
                Pipeline::Read(parts) => parts.yaml(),
            });
        }
        if !self.resources.is_empty() {
            let mut out = "resources:\n".to_owned();
            for declared in &self.resources {
                out.push_str(&format!("  {}:\n", scalar(&declared.name, true)));
                component(&declared.kind, &declared.settings, 4, &mut out);
            }
            documents.push(out);
        }
        documents.join("---\n")
    }
}

// === impl Parts ===

impl<P: Path> Parts<P> {
    fn yaml(&self) -> String {
        let mut out = format!("name: {}\n", scalar(&self.name, true));
        if !self.external_labels.is_empty() {
            out.push_str("external_labels:\n");
            for (name, value) in self.external_labels.iter() {
                out.push_str(&format!("  {}: {}\n", scalar(name, true), scalar(value, false)));
            }
        }
        let part = |name: &str, kind: &str, settings: &Node, out: &mut String| {
            out.push_str(&format!("{name}:\n"));
            component(kind, settings, 2, out);
        };
        part("source", &self.source.kind, &self.source.settings, &mut out);
        if !self.steps.is_empty() {
            out.push_str("stages:\n");
        }
        for Part { kind, settings, .. } in &self.steps {
            out.push_str("  - ");
            let start = out.len();
            component(kind, settings, 4, &mut out);
            // The first line stands behind the dash.
            out.replace_range(start..start + 4, "");
        }
        part("sink", &self.sink.kind, &self.sink.settings, &mut out);
        out
    }
}

/// `kind:` and its settings, each line with so many spaces before it.
fn component(kind: &str, settings: &Node, indent: usize, out: &mut String) {
    out.push_str(&" ".repeat(indent));
    out.push_str(&format!("{}:", scalar(kind, true)));
    value(settings, indent + 2, out);
}

/// A value behind `key:`, with the end of its line.
fn value(node: &Node, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match &node.value {
        _ if node.is_null() => out.push('\n'),
        Value::Scalar { text, plain } => out.push_str(&format!(" {}\n", scalar(text, *plain))),
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(entries) => {
            out.push('\n');
            for (key, node) in entries {
                out.push_str(&format!("{pad}{}:", scalar(&key.text, true)));
                value(node, indent + 2, out);
            }
        }
        Value::List(items) => {
            out.push('\n');
            for item in items {
                out.push_str(&format!("{pad}-"));
                let start = out.len();
                value(item, indent + 2, out);
                // What has lines of its own begins behind the dash.
                if out.get(start..).is_some_and(|text| text.starts_with('\n') && text.len() > 1) {
                    out.replace_range(start..start + 1 + indent + 2, " ");
                }
            }
        }
        Value::Wrong => out.push_str(" ?\n"),
    }
}

/// A text as YAML has it: as it is where it may be, in quotes otherwise.
fn scalar(text: &str, plain: bool) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '+' | '$' | '(' | ')');
    let begins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '+');
    if plain && text.starts_with(begins) && text.chars().all(is_word) {
        return text.to_owned();
    }
    if plain && text.starts_with('-') && text.len() > 1 && text.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b'.')
    {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for (at, c) in text.char_indices() {
        match c {
            '$' if is_variable(text.get(at..).unwrap_or_default()) => out.push_str("$$"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a text begins with what would be a variable of the environment.
fn is_variable(text: &str) -> bool {
    text.strip_prefix("${").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

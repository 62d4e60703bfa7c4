//! The assembled tree as text.

use std::fmt::Write as _;

use super::{Part, Parts, Pipeline, Plan};
use crate::config::Node;
use crate::path::Path;
use crate::registry::Step;

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

fn short(settings: &Node) -> String {
    if settings.is_null() {
        return String::new();
    }
    let text = settings.to_string();
    if text.chars().count() <= WIDTH {
        return format!(" {text}");
    }
    format!(" {}…", text.chars().take(WIDTH).collect::<String>())
}

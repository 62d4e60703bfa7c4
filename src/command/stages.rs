//! `weir stages`: what pipeline files can name, with all settings.

use clap::Args;
use weir_pipeline::reference::{Component, Role, Setting};

use super::Exit;
use crate::out::{print, tell};
use crate::registry;

mod schema;

pub(crate) use schema::of as json_schema;

/// How wide text may be.
const WIDTH: usize = 100;

/// List the sources, stages, sinks and resources that pipeline files can name, or describe some of them.
#[derive(Debug, Args)]
pub(super) struct Stages {
    /// Which to describe, with all settings: types, units, defaults, an example.
    kinds: Vec<String>,
    /// Print a JSON Schema of pipeline files, for editors: in a file's first line
    /// `# yaml-language-server: $schema=weir.schema.json`.
    #[arg(long, conflicts_with = "kinds")]
    json_schema: bool,
}

// === impl Stages ===

impl Stages {
    /// Prints what there is.
    pub(super) fn run(&self) -> Exit {
        let registry = registry();
        if self.json_schema {
            print(&format!("{:#}\n", schema::of(&registry)));
            return Exit::Success;
        }
        let all = registry.components();
        if self.kinds.is_empty() {
            print(&list(&all));
            return Exit::Success;
        }
        let mut texts = Vec::new();
        for kind in &self.kinds {
            let named: Vec<&Component> = all.iter().filter(|component| component.name == kind).collect();
            if named.is_empty() {
                let names = all.iter().map(|component| component.name);
                tell(&format!("weir: {}", weir_pipeline::config::mistake::unknown("component", kind, names)));
                return Exit::Usage;
            }
            let open = |of: &str| registry.kinds_that_open(of);
            texts.extend(named.into_iter().map(|component| described(component, &open)));
        }
        print(&texts.join("\n"));
        Exit::Success
    }
}

/// One line for each component.
fn list(all: &[Component]) -> String {
    let width = all.iter().map(|component| component.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for role in [Role::Source, Role::Stage, Role::Sink, Role::Resource] {
        out.push_str(&format!("{}s\n", role.as_str()));
        for component in all.iter().filter(|component| component.role == role) {
            let paths = match component.paths.as_slice() {
                [] => String::new(),
                paths => format!("{:<12}", paths.join(", ")),
            };
            out.push_str(&format!("  {:<width$}  {paths}{}\n", component.name, component.summary()));
        }
    }
    out.push_str("\n`weir stages KIND` describes one of them, `weir stages --json-schema` is for editors.\n");
    out
}

/// All that is known of a component.
fn described(component: &Component, open: &dyn Fn(&str) -> Vec<&'static str>) -> String {
    let of = match component.paths.as_slice() {
        [] => component.role.as_str().to_owned(),
        paths => format!("{}, {} path", component.role.as_str(), paths.join(" and ")),
    };
    let mut out = format!("{} ({of})\n\n", component.name);
    out.push_str(component.docs.trim_end());
    out.push_str("\n\n");
    if component.fields.is_empty() {
        out.push_str(&format!("settings: {}\n", component.shape));
        return out;
    }
    out.push_str("settings\n");
    for setting in &component.fields {
        out.push_str(&shown(setting, open));
    }
    out
}

/// A setting: its path, what it takes, whether it must be there, what it means.
fn shown(setting: &Setting, open: &dyn Fn(&str) -> Vec<&'static str>) -> String {
    let takes = match setting.shape.resource.map(open).as_deref() {
        Some([]) | None => setting.shape.to_string(),
        Some(kinds) => format!("the name of a resource `{}`", kinds.join("`, `")),
    };
    let default = match &setting.default {
        _ if setting.required => ", required".to_owned(),
        Some(default) => format!(", default {default}"),
        None => String::new(),
    };
    let mut out = format!("  {}: {takes}{default}\n", setting.path);
    for line in wrapped(&setting.docs, WIDTH - 6) {
        out.push_str(&format!("      {line}\n"));
    }
    out
}

/// Text in lines of a width.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;

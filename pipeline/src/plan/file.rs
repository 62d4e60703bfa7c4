//! From documents to a plan, with all mistakes.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use super::case::{Case, cases};
use super::{Declared, Document, Part, Parts, Pipeline, Plan, apart, lead, order};
use crate::config::de::{Found, Reference};
use crate::config::mistake::unknown;
use crate::config::{Env, Key, Mistake, Node, Position, Tree, Value, nearest, settings, tree};
use crate::error::Result;
use crate::external_labels::ExternalLabels;
use crate::labels::is_label_name;
use crate::path::{Path, Read, Write};
use crate::registry::{Components, Parse, Registry, ResourceKind, Step};

/// What a pipeline file may have at its top.
const TOP: [&str; 7] = ["name", "external_labels", "source", "stages", "sink", "resources", "tests"];

/// Reads documents one by one.
pub(super) struct Reader<'a> {
    registry: &'a Registry,
    env: &'a Env,
    resources: Vec<Declared>,
    /// Where each resource and each pipeline is declared.
    resource_places: BTreeMap<String, (String, Position)>,
    /// The kind of each resource, where it is one.
    resource_kinds: BTreeMap<String, &'static str>,
    pipeline_places: BTreeMap<String, (String, Position)>,
    pipelines: Vec<Pipeline>,
    references: Vec<(String, Reference)>,
    /// Whether what can't be read may declare what others name.
    has_unread: bool,
    mistakes: Vec<Mistake>,
}

/// One component as the file has it: `kind` or `kind: settings`.
struct Entry<'a> {
    kind: &'a str,
    at: Position,
    path: String,
    settings: Node,
}

/// What a file says of its pipeline, but for the stages, before it is known which path it is for.
struct Said<'a> {
    name: Option<String>,
    external_labels: ExternalLabels,
    source: Option<Entry<'a>>,
    sink: Option<Entry<'a>>,
    tests: Vec<Case>,
}

/// Settings, read.
struct AsRead<T> {
    value: T,
    /// What may be shown of them.
    settings: Node,
    raw: Node,
    /// The resources that they name.
    needs: Vec<String>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(registry: &'a Registry, env: &'a Env) -> Self {
        let at = Position { line: 1, column: 1 };
        let program = |m: &String| Mistake { file: "weir".into(), at, path: String::new(), message: m.clone() };
        Self {
            registry,
            env,
            resources: Vec::new(),
            resource_places: BTreeMap::new(),
            resource_kinds: BTreeMap::new(),
            pipeline_places: BTreeMap::new(),
            pipelines: Vec::new(),
            references: Vec::new(),
            has_unread: false,
            mistakes: registry.twice().iter().map(program).collect(),
        }
    }

    /// Takes why files can't be read.
    pub(super) fn unread(&mut self, mistakes: Vec<Mistake>) {
        self.has_unread |= !mistakes.is_empty();
        self.mistakes.extend(mistakes);
    }

    pub(super) fn document(&mut self, document: &Document) {
        let file = document.name.as_str();
        let Tree { root, mistakes } = tree(file, &document.text, self.env);
        // At the top, a key that is no text or a second document; below it, what is no map of resources.
        self.has_unread |= root.is_none() || mistakes.iter().any(|m| m.path.is_empty() || m.path == "resources");
        self.mistakes.extend(mistakes);
        let Some(root) = root else { return };
        let Value::Map(entries) = &root.value else {
            self.has_unread = true;
            return self.refuse(file, &root, "", format!("expected a map with {}", list(&TOP)));
        };
        for (key, _) in entries.iter().filter(|(key, _)| !TOP.contains(&key.text.as_str())) {
            self.has_unread |= nearest(&key.text, TOP) == Some("resources");
            self.mistake(file, key.at, &key.text, unknown("field", &key.text, TOP));
        }
        if let Some(resources) = root.get("resources") {
            self.resources(file, resources);
        }
        let is_pipeline = entries.iter().any(|(key, _)| key.text != "resources");
        if is_pipeline {
            self.pipeline(file, &root);
        } else if root.get("resources").is_none() {
            self.mistake(file, root.at, "", format!("expected {}, got nothing", list(&TOP)));
        }
    }

    /// Checks what holds over all documents.
    pub(super) fn finish(mut self) -> Result<Plan, Vec<Mistake>> {
        let references = std::mem::take(&mut self.references);
        for (file, reference) in &references {
            if let Some(message) = self.misfit(reference) {
                self.mistake(file, reference.at, &reference.path, message);
            }
        }
        // A pipeline with a mistake may be the one that is missed.
        if self.mistakes.is_empty() {
            let (write, read) = (self.registry.write(), self.registry.read());
            let sources = |kind: &str| write.sources.contains_key(kind) || read.sources.contains_key(kind);
            let kinds = &self.resource_kinds;
            self.mistakes = lead::nowhere(references.iter(), &self.pipelines, kinds, &sources);
        }
        self.mistakes.extend(apart::not_apart(&self.resources, &self.resource_places));
        self.mistakes.extend(lead::astray(&self.pipelines, &self.resource_kinds, &self.pipeline_places));
        match order::by_need(self.resources) {
            Ok(resources) if self.mistakes.is_empty() => {
                let resources = resources.into_iter().map(Arc::new).collect();
                return Ok(Plan { resources, pipelines: self.pipelines });
            }
            Ok(_) => {}
            Err(circle) => {
                let (file, at) = self.resource_places[&circle[0]].clone();
                let message = format!("resources that need each other: {} → {}", circle.join(" → "), circle[0]);
                self.mistakes.push(Mistake { file, at, path: format!("resources.{}", circle[0]), message });
            }
        }
        self.mistakes.sort();
        self.mistakes.dedup();
        Err(self.mistakes)
    }

    /// What is wrong with the resource that settings name.
    fn misfit(&self, Reference { name, of, .. }: &Reference) -> Option<String> {
        if !self.resource_places.contains_key(name) {
            return (!self.has_unread)
                .then(|| unknown("resource", name, self.resource_places.keys().map(String::as_str)));
        }
        // Where its kind is wrong, that is said already.
        let kind = self.resource_kinds.get(name)?;
        let kinds = self.registry.resource_kinds();
        let fitting: Vec<&str> = kinds.iter().filter(|(_, kind)| kind.opens == *of).map(|(name, _)| *name).collect();
        let expected =
            if fitting.is_empty() { "another kind of resource".into() } else { format!("a {}", list(&fitting)) };
        (!fitting.contains(kind)).then(|| format!("expected {expected}, got `{name}`, which is a `{kind}`"))
    }

    fn mistake(&mut self, file: &str, at: Position, path: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { file: file.to_owned(), at, path: path.to_owned(), message: message.into() });
    }

    /// Says what a node is where another one was expected, unless what is wrong with it is told already.
    fn refuse(&mut self, file: &str, node: &Node, path: &str, expected: impl Display) {
        if node.value != Value::Wrong {
            self.mistake(file, node.at, path, format!("{expected}, got {}", node.describe()));
        }
    }

    fn resources(&mut self, file: &str, node: &Node) {
        let Value::Map(entries) = &node.value else {
            self.has_unread = true;
            return self.refuse(file, node, "resources", "expected a map");
        };
        for (name, node) in entries {
            let path = format!("resources.{}", name.text);
            if let Some((first, at)) = self.resource_places.get(&name.text) {
                let message = format!("`{}` is also declared at {first}:{}:{}", name.text, at.line, at.column);
                self.mistake(file, name.at, &path, message);
                continue;
            }
            if !is_name(&name.text) {
                self.mistake(file, name.at, &path, not_a_name(&name.text));
            }
            self.resource_places.insert(name.text.clone(), (file.to_owned(), name.at));
            let Some(entry) = self.entry(file, &path, node) else { continue };
            let kinds = self.registry.resource_kinds();
            let Some((kind, ResourceKind { parse, .. })) = kinds.get_key_value(entry.kind) else {
                let message = unknown("resource", entry.kind, kinds.keys().copied());
                self.mistake(file, entry.at, &entry.path, message);
                continue;
            };
            self.resource_kinds.insert(name.text.clone(), *kind);
            if let Some(AsRead { value: resource, settings, raw, needs }) = self.settings(file, &entry, *parse) {
                let kind = entry.kind;
                self.resources.push(Declared {
                    name: name.text.clone(),
                    kind: kind.to_owned(),
                    settings,
                    raw,
                    resource,
                    needs,
                });
            }
        }
    }

    fn pipeline(&mut self, file: &str, root: &Node) {
        let name = self.name(file, root);
        let external_labels = self.external_labels(file, root);
        let source = self.required(file, root, "source");
        let sink = self.required(file, root, "sink");
        let (write, read) = (self.registry.write(), self.registry.read());
        let reads = match (&source, &sink) {
            (Some(s), _) if write.sources.contains_key(s.kind) => false,
            (Some(s), _) if read.sources.contains_key(s.kind) => true,
            (_, Some(s)) => read.sinks.contains_key(s.kind) && !write.sinks.contains_key(s.kind),
            _ => false,
        };
        let (tests, mistakes) = cases(file, root);
        self.mistakes.extend(mistakes);
        let said = Said { name, external_labels, source, sink, tests };
        if reads {
            if let Some(parts) = self.parts::<Read>((file, root), said, read) {
                self.pipelines.push(Pipeline::Read(Arc::new(parts)));
            }
        } else if let Some(parts) = self.parts::<Write>((file, root), said, write) {
            self.pipelines.push(Pipeline::Write(Arc::new(parts)));
        }
    }

    fn parts<P: Path>(
        &mut self,
        (file, root): (&str, &Node),
        Said { name, external_labels, source, sink, tests }: Said<'_>,
        components: &Components<P>,
    ) -> Option<Parts<P>> {
        let source = source.and_then(|entry| self.part::<P, _>(file, "source", entry, &components.sources, 0));
        let steps = self.steps::<P>(file, root, components);
        let sink = sink.and_then(|entry| self.part::<P, _>(file, "sink", entry, &components.sinks, 2));
        if P::NAME == Read::NAME && !external_labels.is_empty() {
            let at = root.get("external_labels").map_or(root.at, |n| n.at);
            self.mistake(file, at, "external_labels", "external labels belong to a pipeline that writes");
        }
        if P::NAME == Read::NAME && !tests.is_empty() {
            let at = root.get("tests").map_or(root.at, |n| n.at);
            self.mistake(file, at, "tests", "tests belong to a pipeline that writes");
        }
        let (name, source, steps, sink) = (name?, source?, steps?, sink?);
        Some(Parts { name, file: file.to_owned(), external_labels, source, steps, sink, tests })
    }

    fn steps<P: Path>(&mut self, file: &str, root: &Node, components: &Components<P>) -> Option<Vec<Part<Step<P>>>> {
        let Some(node) = root.get("stages").filter(|node| !node.is_null()) else { return Some(Vec::new()) };
        let Value::List(items) = &node.value else {
            self.refuse(file, node, "stages", "expected a list");
            return None;
        };
        let mut steps = Vec::new();
        for (i, item) in items.iter().enumerate() {
            if let Some(entry) = self.entry(file, &format!("stages[{i}]"), item) {
                steps.extend(self.part::<P, _>(file, "stage", entry, &components.steps, 1));
            }
        }
        (steps.len() == items.len()).then_some(steps)
    }

    /// Reads one component. `role` is its place in [`Registry::names`].
    fn part<P: Path, T>(
        &mut self,
        file: &str,
        what: &str,
        entry: Entry<'_>,
        kinds: &BTreeMap<&'static str, Parse<T>>,
        role: usize,
    ) -> Option<Part<T>> {
        let Some(parse) = kinds.get(entry.kind) else {
            let others =
                if P::NAME == Write::NAME { self.registry.names::<Read>() } else { self.registry.names::<Write>() };
            let message = if others[role].contains(&entry.kind) {
                format!("{what} `{}` is not for the {} path, which the source begins", entry.kind, P::NAME)
            } else if what == "source" {
                unknown(what, entry.kind, kinds.keys().copied().chain(others[0].iter().copied()))
            } else {
                unknown(what, entry.kind, kinds.keys().copied())
            };
            self.mistake(file, entry.at, &entry.path, message);
            return None;
        };
        let read = self.settings(file, &entry, *parse)?;
        let AsRead { value, settings, raw, needs } = read;
        Some(Part { kind: entry.kind.to_owned(), settings, raw, needs, value })
    }

    fn settings<T>(&mut self, file: &str, entry: &Entry<'_>, parse: Parse<T>) -> Option<AsRead<T>> {
        let Found { value, references, secrets, mistakes } = parse(file, &entry.path, &entry.settings);
        let needs = references.iter().map(|r| r.name.clone()).collect();
        self.references.extend(references.into_iter().map(|r| (file.to_owned(), r)));
        self.mistakes.extend(mistakes);
        let (value, raw) = (value?, entry.settings.clone());
        Some(AsRead { value, settings: raw.clone().without(&entry.path, &secrets), raw, needs })
    }

    /// The one component in `node`: `kind`, or `kind: settings`.
    fn entry<'n>(&mut self, file: &str, path: &str, node: &'n Node) -> Option<Entry<'n>> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() => {
                Some(Entry { kind: text, at: node.at, path: format!("{path}.{text}"), settings: Node::null(node.at) })
            }
            Value::Map(entries) if entries.len() == 1 => {
                let (Key { at, text }, settings) = &entries[0];
                Some(Entry { kind: text, at: *at, path: format!("{path}.{text}"), settings: settings.clone() })
            }
            Value::Map(entries) if entries.len() > 1 => {
                let keys: Vec<&str> = entries.iter().map(|(k, _)| k.text.as_str()).collect();
                let message = format!("expected one kind with its settings below it, got {}", list(&keys));
                self.mistake(file, node.at, path, message);
                None
            }
            _ => {
                self.refuse(file, node, path, "expected a kind and its settings");
                None
            }
        }
    }

    fn required<'n>(&mut self, file: &str, root: &'n Node, name: &str) -> Option<Entry<'n>> {
        match root.get(name) {
            Some(node) => self.entry(file, name, node),
            None => {
                self.missing(file, root, name);
                None
            }
        }
    }

    /// Says that a field is missing, unless it is there and spelt wrong, which is said already.
    fn missing(&mut self, file: &str, root: &Node, name: &str) {
        let Value::Map(entries) = &root.value else { return };
        let misspelt = |text: &str| !TOP.contains(&text) && nearest(text, TOP) == Some(name);
        if !entries.iter().any(|(key, _)| misspelt(&key.text)) {
            self.mistake(file, root.at, "", format!("`{name}` is missing"));
        }
    }

    fn name(&mut self, file: &str, root: &Node) -> Option<String> {
        let Some(node) = root.get("name") else {
            self.missing(file, root, "name");
            return None;
        };
        let name = match settings::<String>(file, "name", node) {
            Ok(name) => name.value,
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                return None;
            }
        };
        if !is_name(&name) {
            self.mistake(file, node.at, "name", not_a_name(&name));
            return None;
        }
        if let Some((first, at)) = self.pipeline_places.get(&name) {
            let message = format!("`{name}` is also the pipeline at {first}:{}:{}", at.line, at.column);
            self.mistake(file, node.at, "name", message);
            return None;
        }
        self.pipeline_places.insert(name.clone(), (file.to_owned(), node.at));
        Some(name)
    }

    fn external_labels(&mut self, file: &str, root: &Node) -> ExternalLabels {
        let Some(node) = root.get("external_labels") else { return ExternalLabels::default() };
        if let Value::Map(entries) = &node.value {
            for (key, _) in entries.iter().filter(|(k, _)| k.text == crate::labels::METRIC || k.text.is_empty()) {
                let message = format!("expected the name of a label, got `{}`", key.text);
                self.mistake(file, key.at, &format!("external_labels.{}", key.text), message);
            }
        }
        match settings::<ExternalLabels>(file, "external_labels", node) {
            Ok(labels) => labels.value,
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                ExternalLabels::default()
            }
        }
    }
}

/// Whether pipelines and resources may be called so: names stand in places, labels and paths.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && is_label_name(&name.replace('-', "_"))
}

fn not_a_name(name: &str) -> String {
    format!("expected letters, digits, `-` and `_`, a letter first, got `{name}`")
}

fn list(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

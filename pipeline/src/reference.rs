//! What there is to name in pipeline files: every component with its settings, as their types read them and their docs
//! describe them.

use crate::config::shape::{Fields, Form, Shape};
use crate::config::{Env, Key, Mistake, Node, Position, Value, parse};
use crate::docs::{self, Docs};
use crate::registry::{About, Registry};

mod steps;

use steps::{Step, at, place, steps, with};

/// What a component is in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Begins a pipeline.
    Source,
    /// Stands between source and sink.
    Stage,
    /// Ends a pipeline.
    Sink,
    /// What pipelines share.
    Resource,
}

/// A component.
#[derive(Clone, Debug)]
pub struct Component {
    /// What it is.
    pub role: Role,
    /// The name in YAML.
    pub name: &'static str,
    /// The paths that it is for, `write` and `read`; none for resources.
    pub paths: Vec<&'static str>,
    /// The docs of its module, as Markdown; empty where there are none.
    pub docs: String,
    /// An example from the docs, as YAML; empty where there is none.
    pub example: String,
    /// The settings that the example has.
    pub settings: Option<Node>,
    /// What its settings look like.
    pub shape: Shape,
    /// The settings, with those below others after them.
    pub fields: Vec<Setting>,
    pub(crate) about: About,
}

/// A setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where in the settings, as `backoff.max`; `jobs[].job_name` within a list, `labels.*` within a map.
    pub path: String,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub docs: String,
    /// What it is where it is not given, as its docs say.
    pub default: Option<String>,
}

// === impl Registry ===

impl Registry {
    /// Every component: sources, stages, sinks, resources, each kind in the order of names. One for both paths is one.
    pub fn components(&self) -> Vec<Component> {
        let mut all: Vec<Component> = Vec::new();
        for (role, path, about) in self.all() {
            match all.iter_mut().find(|known| (known.role, known.name) == (role, about.name)) {
                Some(known) => known.paths.extend(path),
                None => all.push(Component::new(role, path, about, self.docs())),
            }
        }
        all.sort_by_key(|component| (component.role, component.name));
        all
    }

    /// The kinds of resources that open as a type, as `std::any::type_name` has it.
    pub fn kinds_that_open(&self, of: &str) -> Vec<&'static str> {
        self.resource_kinds().iter().filter(|(_, kind)| kind.opens == of).map(|(name, _)| *name).collect()
    }
}

// === impl Component ===

impl Component {
    fn new(role: Role, path: Option<&'static str>, about: About, all: &Docs) -> Self {
        let module = about.module();
        let docs = module_docs(all, module, about.name);
        let example = docs::example(&docs).unwrap_or_default();
        let docs = docs::without_links(&docs);
        let root = parse(about.name, &example, &Env::from_fn(|_| None)).ok();
        let settings = root.as_ref().and_then(|root| role.settings(root, about.name));
        let shape = (about.shape)();
        let mut component = Self {
            role,
            name: about.name,
            paths: path.into_iter().collect(),
            docs,
            example,
            settings,
            shape,
            fields: Vec::new(),
            about,
        };
        let mut fields = Vec::new();
        let own = component.about.of().to_owned();
        component.walk(all, "", &component.shape, Some(&own), &mut fields);
        component.fields = fields;
        component
    }

    /// What is wrong with settings of it; the resources that they name are not looked for.
    pub fn mistakes(&self, settings: &Node) -> Vec<String> {
        (self.about.read)(settings).err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
    }

    /// Settings as they are once they are read, for comparison.
    pub fn shown(&self, settings: &Node) -> Option<String> {
        (self.about.read)(settings).ok()
    }

    /// The settings of the example with the one at `path` set to `value`, or without it; below a list in its first item.
    /// What is around it is made where the example does not have it. None where the example has something else there.
    pub fn example_with(&self, path: &str, value: Option<Node>) -> Option<Node> {
        with(self.settings.as_ref()?, &steps(path), value)
    }

    /// What its docs say first, without its name: a line for lists of components.
    pub fn summary(&self) -> String {
        let paragraph: Vec<&str> = self.docs.lines().take_while(|line| !line.trim().is_empty()).collect();
        let paragraph = paragraph.join(" ");
        let said = paragraph.strip_prefix(&format!("`{}`: ", self.name)).unwrap_or(&paragraph);
        let end = said.find(". ").unwrap_or(said.len());
        said.get(..end).unwrap_or(said).trim_end_matches('.').to_owned()
    }

    /// Whether its name alone will do, without settings.
    pub fn stands_alone(&self) -> bool {
        self.mistakes(&Node::null(Position::default())).is_empty()
    }

    /// Collects the settings of a shape. `own` is the type's name where serde may know it by another one.
    fn walk(&self, all: &Docs, path: &str, shape: &Shape, own: Option<&str>, out: &mut Vec<Setting>) {
        let module = self.about.module();
        match &shape.form {
            Form::Fields(Fields { of, fields }) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                let said = all.item(module, of, &names).or_else(|| all.item(module, own?, &names));
                let missed = self.missed(path);
                for (name, shape) in fields {
                    let docs = said.and_then(|said| said.part(name)).filter(|docs| !docs.is_empty());
                    // What is read and then checked may have its docs where it is checked.
                    let docs = docs.or_else(|| all.parts(module, &names)?.part(name)).unwrap_or_default();
                    self.setting(all, &join(path, name), shape, docs, missed.contains(name), out);
                }
            }
            Form::Choice(variants) => {
                let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
                let said = all.parts(module, &names);
                for (name, shape) in variants.iter().filter(|(_, shape)| shape.form != Form::Nothing) {
                    let docs = said.and_then(|said| said.part(name)).unwrap_or_default();
                    self.setting(all, &join(path, name), shape, docs, false, out);
                }
            }
            Form::List(item) => self.walk(all, &format!("{path}[]"), item, None, out),
            Form::Map(value) => self.walk(all, &join(path, "*"), value, None, out),
            _ => {}
        }
    }

    fn setting(&self, all: &Docs, path: &str, shape: &Shape, docs: &str, required: bool, out: &mut Vec<Setting>) {
        let (docs, default) = (docs::without_links(docs), default(docs));
        out.push(Setting { path: path.to_owned(), shape: shape.clone(), required, docs, default });
        self.walk(all, path, shape, None, out);
    }

    /// The fields that are missed where a map at `path` has none. One whose type nothing can stand in for ends the reading;
    /// it is given as in the example, to see which are missed after it.
    fn missed(&self, path: &str) -> Vec<String> {
        let steps = steps(path);
        let example = self.settings.as_ref().and_then(|settings| at(settings, &steps));
        let mut missed: Vec<String> = Vec::new();
        loop {
            let key = |name: &String| Key { at: Position::default(), text: name.clone() };
            let given = missed.iter().filter_map(|name| Some((key(name), example?.get(name)?.clone())));
            let mut more = self.missed_beside(&steps, given.collect());
            more.retain(|name| !missed.contains(name));
            if more.is_empty() {
                return missed;
            }
            missed.append(&mut more);
        }
    }

    /// The fields that are missed where the map at the end of `steps` has just these.
    fn missed_beside(&self, steps: &[Step<'_>], given: Vec<(Key, Node)>) -> Vec<String> {
        let map = Node { at: Position::default(), value: Value::Map(given) };
        let Some(settings) = with(&Node::null(map.at), steps, Some(map)) else { return Vec::new() };
        let place = place(steps);
        let of_it = |mistake: Mistake| {
            let name = mistake.message.strip_suffix("` is missing")?.strip_prefix('`')?.to_owned();
            (mistake.path == place).then_some(name)
        };
        (self.about.read)(&settings).err().into_iter().flatten().filter_map(of_it).collect()
    }
}

/// The docs of a module that have an example of `name`: of the module itself, or of one around it.
fn module_docs(all: &Docs, module: &str, name: &str) -> String {
    let mut at = module;
    loop {
        let docs = all.module(at);
        if docs::example(docs).is_some_and(|example| example.contains(name)) {
            return docs.to_owned();
        }
        let Some((above, _)) = at.rsplit_once("::") else { return all.module(module).to_owned() };
        at = above;
    }
}

/// The settings under a name, wherever that stands; nothing where the name stands alone.
fn find(node: &Node, name: &str) -> Option<Node> {
    match &node.value {
        Value::Map(entries) => {
            let own = entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node.clone());
            own.or_else(|| entries.iter().find_map(|(_, node)| find(node, name)))
        }
        Value::List(items) => items.iter().find_map(|node| find(node, name)),
        Value::Scalar { text, .. } if text == name => Some(Node::null(node.at)),
        _ => None,
    }
}

/// What docs say that a setting is where it is not given: `Default 30s.`, or `…; default 30s, at least 1s.` Words stand after
/// a colon instead: `Default: no limit.`
fn default(docs: &str) -> Option<String> {
    let docs = docs.replace('\n', " ");
    let (_, rest) = docs.split_once("Default ").or_else(|| docs.split_once("; default "))?;
    let default = match rest.strip_prefix('`') {
        Some(quoted) => quoted.split('`').next()?,
        // A full stop after it, not one within `0.5`.
        None => rest.split(' ').next()?.trim_end_matches(['.', ';', ',']),
    };
    (!default.is_empty() && default != "none").then(|| default.to_owned())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

// === impl Role ===

impl Role {
    /// The settings of the component `name` in an example: where this role stands, or else wherever the name does.
    fn settings(self, root: &Node, name: &str) -> Option<Node> {
        let place = match self {
            Self::Source => "source",
            Self::Stage => "stages",
            Self::Sink => "sink",
            Self::Resource => "resources",
        };
        let in_place = root.get(place).and_then(|node| find(node, name));
        // A source and a sink of one name may have one example; a resource of that name is something else.
        let elsewhere = || match &root.value {
            Value::Map(entries) if self != Self::Resource => {
                let entries = entries.iter().filter(|(key, _)| key.text != "resources").cloned().collect();
                find(&Node { at: root.at, value: Value::Map(entries) }, name)
            }
            _ => find(root, name),
        };
        in_place.or_else(elsewhere)
    }

    /// The name, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Stage => "stage",
            Self::Sink => "sink",
            Self::Resource => "resource",
        }
    }
}

#[cfg(test)]
mod tests;

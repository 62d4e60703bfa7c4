//! What the sources say of settings: the docs of modules, structs and fields, read from Rust files as these are laid out by
//! rustfmt. What is not understood is left out.

use std::collections::BTreeMap;

/// The docs of Rust files, by module.
#[derive(Clone, Debug, Default)]
pub struct Docs {
    modules: BTreeMap<String, Module>,
}

#[derive(Clone, Debug, Default)]
struct Module {
    docs: String,
    items: Vec<Item>,
}

/// A struct or an enum.
#[derive(Clone, Debug)]
struct Item {
    name: String,
    docs: String,
    /// Fields or variants: name and docs.
    parts: Vec<(String, String)>,
}

/// The docs of a struct or an enum.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a>(&'a Item);

// === impl Docs ===

impl Docs {
    /// Adds what the file of a module says. `module` is its path, as `weir_stages::receive`.
    pub fn add(&mut self, module: &str, source: &str) {
        self.modules.insert(module.to_owned(), Module::read(source));
    }

    /// The docs of a module; empty where there are none.
    pub fn module(&self, module: &str) -> &str {
        self.modules.get(module).map_or("", |module| &module.docs)
    }

    /// What is said of the struct or enum `name` that has these fields or variants: in `module`, or else in the nearest to it.
    pub fn item(&self, module: &str, name: &str, parts: &[&str]) -> Option<Said<'_>> {
        let fits = |item: &&Item| item.name == name && parts.iter().all(|part| item.part(part).is_some());
        let all = self.modules.iter().flat_map(|(of, m)| m.items.iter().filter(fits).map(move |item| (of, item)));
        all.max_by_key(|(of, _)| common(of, module)).map(|(_, item)| Said(item))
    }

    /// As [`item`](Self::item), by the parts alone, where most of them have docs: serde does not say what an enum is called, and
    /// what reads a struct may be another one.
    pub fn parts(&self, module: &str, parts: &[&str]) -> Option<Said<'_>> {
        let fits = |item: &&Item| {
            item.parts.len() == parts.len() && !parts.is_empty() && parts.iter().all(|part| item.part(part).is_some())
        };
        let all = self.modules.iter().flat_map(|(of, m)| m.items.iter().filter(fits).map(move |item| (of, item)));
        let documented = |item: &Item| item.parts.iter().filter(|(_, docs)| !docs.is_empty()).count();
        all.max_by_key(|(of, item)| (documented(item), common(of, module))).map(|(_, item)| Said(item))
    }
}

/// How many segments two paths have in common at their start.
fn common(one: &str, other: &str) -> usize {
    one.split("::").zip(other.split("::")).take_while(|(one, other)| one == other).count()
}

/// The first example in YAML of some docs.
pub fn example(docs: &str) -> Option<String> {
    let block = docs.lines().skip_while(|line| line.trim() != "```yaml").skip(1);
    let lines: Vec<&str> = block.take_while(|line| line.trim() != "```").collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Docs without links into code, which lead nowhere outside of it: of `` [`tls`](crate::tls) `` the text stays.
pub fn without_links(docs: &str) -> String {
    let mut out = String::with_capacity(docs.len());
    let mut rest = docs;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        rest = match link(after) {
            Some((text, after)) => {
                out.push_str(text);
                after
            }
            None => {
                out.push('[');
                after
            }
        };
    }
    out.push_str(rest);
    out
}

/// The text of a link into code whose `[` is before it, and what follows the link.
fn link(rest: &str) -> Option<(&str, &str)> {
    let (text, rest) = rest.split_once(']')?;
    let (target, rest) = rest.strip_prefix('(')?.split_once(')')?;
    (target.contains("::") && !text.contains('[')).then_some((text, rest))
}

// === impl Module ===

impl Module {
    fn read(source: &str) -> Self {
        let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
        let docs: Vec<&str> = docs.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let mut module = Self { docs: docs.join("\n"), items: Vec::new() };
        let (mut lines, mut said) = (source.lines(), Vec::new());
        while let Some(line) = lines.next() {
            match line.strip_prefix("///") {
                Some(doc) => said.push(doc.strip_prefix(' ').unwrap_or(doc)),
                // Attributes stand between docs and item, and may have lines of their own.
                None if line.starts_with("#[") || line.starts_with([' ', ')', ']']) => {}
                None => {
                    let docs = std::mem::take(&mut said).join("\n");
                    if let Some(name) = item(line) {
                        let parts = if line.ends_with('{') { parts(&mut lines) } else { Vec::new() };
                        module.items.push(Item { name: name.to_owned(), docs, parts });
                    }
                }
            }
        }
        module
    }
}

/// The name of the struct or enum that a line begins.
fn item(line: &str) -> Option<&str> {
    let rest = after_visibility(line);
    let rest = rest.strip_prefix("struct ").or_else(|| rest.strip_prefix("enum "))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.get(..end)
}

fn after_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(") ").map_or(line, |(_, rest)| rest),
        None => rest.strip_prefix(' ').unwrap_or(line),
    }
}

/// The fields or variants up to the end of the item: those that are indented once.
fn parts<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let (mut parts, mut said, mut renamed) = (Vec::new(), Vec::new(), None);
    for line in lines.take_while(|line| *line != "}") {
        let Some(line) = line.strip_prefix("    ") else { continue };
        if let Some(doc) = line.strip_prefix("///") {
            said.push(doc.strip_prefix(' ').unwrap_or(doc));
            continue;
        }
        if line.starts_with("#[") {
            renamed = rename(line).or(renamed);
            continue;
        }
        // What is within a variant is none of the parts.
        if line.starts_with([' ', ')', ']', '}']) {
            continue;
        }
        let rest = after_visibility(line);
        let rest = rest.strip_prefix("r#").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let docs = std::mem::take(&mut said).join("\n");
        let renamed = renamed.take();
        if let Some(name) = rest.get(..end).filter(|name| !name.is_empty()) {
            parts.push((renamed.unwrap_or(name).to_owned(), docs));
        }
    }
    parts
}

/// The name that an attribute of serde gives.
fn rename(line: &str) -> Option<&str> {
    line.split_once("rename = \"")?.1.split('"').next()
}

// === impl Item ===

impl Item {
    /// The docs of a field or variant, by the name that it has in YAML.
    fn part(&self, name: &str) -> Option<&str> {
        // `rename_all` makes `every_minute` of `EveryMinute`.
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        self.parts.iter().find(|(part, _)| plain(part) == plain(name)).map(|(_, docs)| docs.as_str())
    }
}

// === impl Said ===

impl<'a> Said<'a> {
    /// The docs of the struct or enum itself.
    pub fn docs(self) -> &'a str {
        &self.0.docs
    }

    /// The docs of one of its fields or variants.
    pub fn part(self, name: &str) -> Option<&'a str> {
        self.0.part(name)
    }
}

#[cfg(test)]
mod tests;

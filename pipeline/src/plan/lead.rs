//! Pipelines that lead into others: what one sends to a link begins another one.

use std::collections::BTreeMap;

use super::{Parts, Pipeline};
use crate::config::de::Reference;
use crate::config::{Mistake, Position};
use crate::path::Path;

/// A pipeline, by the resources that lead to it and away from it.
struct Way<'a> {
    name: &'a str,
    /// The resource whose kind is its source, as `a` in `source: { link: a }`.
    begins: Option<&'a str>,
    /// All that its stages and its sink name.
    leads: Vec<&'a str>,
}

/// The kind of each resource.
type Kinds = BTreeMap<String, &'static str>;

/// A mistake for each pipeline that begins with what begins another one already, and for the first circle of pipelines, in
/// which a batch would go round for ever. `places` are where the pipelines have their names.
pub(super) fn astray(
    pipelines: &[Pipeline],
    kinds: &Kinds,
    places: &BTreeMap<String, (String, Position)>,
) -> Vec<Mistake> {
    let ways = ways(pipelines, kinds);
    let mistake = |way: &Way<'_>, path: &str, message: String| {
        let (file, at) = places.get(way.name)?.clone();
        Some(Mistake { file, at, path: path.to_owned(), message })
    };
    let twice = ways.iter().enumerate().filter_map(|(n, way)| {
        let begins = way.begins?;
        let first = ways[..n].iter().find(|other| other.begins == Some(begins))?;
        mistake(way, "source", format!("`{begins}` begins the pipeline `{}` already", first.name))
    });
    let circle = ways.iter().find_map(|way| circle(&ways, &mut vec![way]));
    let circle = circle.and_then(|names| {
        let first = ways.iter().find(|way| way.name == names[0])?;
        mistake(first, "", format!("pipelines that lead into each other: {} → {}", names.join(" → "), names[0]))
    });
    twice.chain(circle).collect()
}

/// A mistake for each place that leads to a resource which could begin a pipeline, as `sources` are kinds that do, and
/// begins none: what is sent there would wait for ever.
pub(super) fn nowhere<'a>(
    references: impl Iterator<Item = &'a (String, Reference)>,
    pipelines: &[Pipeline],
    kinds: &Kinds,
    sources: &dyn Fn(&str) -> bool,
) -> Vec<Mistake> {
    let ways = ways(pipelines, kinds);
    let leads_nowhere = |name: &str| {
        kinds.get(name).is_some_and(|kind| sources(kind)) && !ways.iter().any(|way| way.begins == Some(name))
    };
    let told = |(file, Reference { name, at, path, .. }): &(String, Reference)| Mistake {
        file: file.clone(),
        at: *at,
        path: path.clone(),
        message: format!("no pipeline begins with `{name}`"),
    };
    references.filter(|(_, reference)| leads_nowhere(&reference.name)).map(told).collect()
}

fn ways<'a>(pipelines: &'a [Pipeline], kinds: &Kinds) -> Vec<Way<'a>> {
    let way = |pipeline: &'a Pipeline| match pipeline {
        Pipeline::Write(parts) => Way::of(parts, kinds),
        Pipeline::Read(parts) => Way::of(parts, kinds),
    };
    pipelines.iter().map(way).collect()
}

/// The names of a circle that a way leads back into its first pipeline.
fn circle<'a>(ways: &'a [Way<'a>], way: &mut Vec<&'a Way<'a>>) -> Option<Vec<&'a str>> {
    let last = *way.last()?;
    for next in ways.iter().filter(|next| next.begins.is_some_and(|begins| last.leads.contains(&begins))) {
        if next.name == way[0].name {
            return Some(way.iter().map(|way| way.name).collect());
        }
        if way.iter().any(|passed| passed.name == next.name) {
            continue;
        }
        way.push(next);
        if let Some(found) = circle(ways, way) {
            return Some(found);
        }
        way.pop();
    }
    None
}

// === impl Way ===

impl<'a> Way<'a> {
    fn of<P: Path>(parts: &'a Parts<P>, kinds: &Kinds) -> Self {
        let begins = parts.source.needs.iter().find(|name| kinds.get(*name).is_some_and(|k| *k == parts.source.kind));
        let needs = parts.steps.iter().map(|step| &step.needs).chain([&parts.sink.needs]);
        Self {
            name: &parts.name,
            begins: begins.map(String::as_str),
            leads: needs.flatten().map(String::as_str).collect(),
        }
    }
}

//! Resources of one kind in one directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Declared;
use crate::config::{Mistake, Position};

/// A mistake for each resource that keeps its files where another one of its kind does.
pub(super) fn not_apart(resources: &[Declared], places: &BTreeMap<String, (String, Position)>) -> Vec<Mistake> {
    let (mut taken, mut mistakes) = (BTreeMap::new(), Vec::new());
    for declared in resources {
        for directory in declared.resource.directories() {
            let first = taken.entry((&declared.kind, whole(&directory))).or_insert(&declared.name);
            let place = places.get(&declared.name).zip(places.get(*first));
            let Some(((file, at), (beside, there))) = place.filter(|_| *first != &declared.name) else { continue };
            let at_first = format!("{beside}:{}:{}", there.line, there.column);
            let message = format!("`{}` is also the directory of `{first}` at {at_first}", directory.display());
            let path = format!("resources.{}", declared.name);
            mistakes.push(Mistake { file: file.clone(), at: *at, path, message });
        }
    }
    mistakes
}

/// The directories that a resource keeps its files in, each with the kind of those that must not share it.
pub(crate) fn directories(declared: &Declared) -> BTreeSet<(&str, PathBuf)> {
    declared.resource.directories().iter().map(|path| (declared.kind.as_str(), whole(path))).collect()
}

/// The same for every way to write a path; links are not followed.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).as_deref().unwrap_or(path).components().collect()
}

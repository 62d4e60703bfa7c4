//! What is known of a node from earlier readings.

use std::collections::BTreeSet;

/// What earlier readings found to be wrong.
#[derive(Default)]
pub(super) struct Known {
    /// The nodes that are struck out.
    struck: BTreeSet<String>,
    /// The fields that are filled in: the node and the name.
    filled: BTreeSet<(String, &'static str)>,
    /// The fields that are there, but spelt wrong.
    misspelt: BTreeSet<String>,
    /// The nodes that are struck out because of their key.
    keys: BTreeSet<String>,
}

// === impl Known ===

impl Known {
    pub(super) fn is_struck(&self, path: &str) -> bool {
        self.struck.contains(path)
    }

    /// The fields of the node at `path` that are filled in.
    pub(super) fn filled(&self, path: &str) -> impl Iterator<Item = &'static str> {
        self.filled.iter().filter(move |(of, _)| of == path).map(|(_, field)| *field)
    }

    /// The node whose field at `path` is filled in.
    fn filler(&self, path: &str) -> Option<&str> {
        self.filled.iter().find(|(of, field)| join(of, field) == path).map(|(of, _)| of.as_str())
    }

    /// Whether the node at `path` is struck out because of its key: a field that there is not.
    pub(super) fn is_key(&self, path: &str) -> bool {
        self.keys.contains(path)
    }

    /// Whether a mistake at `place`, of which parts are wrong, is of the node as a whole, and may be there in any case.
    pub(super) fn may_stand(&self, place: &str, missing: Option<&str>) -> bool {
        missing.is_none()
            && !self.is_struck(place)
            && self.filler(place).is_none()
            && !self.misspelt.iter().any(|path| is_below(path, place))
    }

    /// Keeps that the mistake at `place` is in its key, and which field it means.
    pub(super) fn learn_key(&mut self, place: &str, in_key: bool, meant: Option<&str>) {
        if in_key {
            self.keys.insert(place.to_owned());
        }
        if let Some(meant) = meant {
            self.misspelt.insert(join(above(place), meant));
        }
    }

    /// Whether a mistake at `place` may be only a consequence of earlier ones.
    pub(super) fn explains(&self, place: &str, missing: Option<&str>) -> bool {
        if let Some(field) = missing {
            let field = join(place, field);
            return self.is_struck(&field) || self.misspelt.contains(&field);
        }
        self.is_struck(place)
            || self.struck.iter().any(|path| is_below(path, place))
            || self.filled.iter().any(|(of, _)| of == place || is_below(of, place))
            || self.filler(place).is_some()
    }

    /// Keeps a mistake at `place`, so that the next reading gets further than this one. False where it can't.
    pub(super) fn learn(&mut self, place: String, missing: Option<&'static str>, root: &str) -> bool {
        if missing.is_some_and(|field| self.filled.insert((place.clone(), field))) {
            return true;
        }
        // Where nothing fills a field, or a node can't go alone as the settings of a variant, the node above it goes.
        let mut place = self.filler(&place).map(str::to_owned).unwrap_or(place);
        while self.is_struck(&place) {
            place.truncate(above(&place).len());
        }
        place.len() > root.len() && self.struck.insert(place)
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path of the node around the one at `path`.
fn above(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// Whether `path` is somewhere below `above`.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| above.is_empty() || rest.starts_with(['.', '[']))
}

//! A mistake in a pipeline file.

use std::fmt;

use super::node::Position;

/// The longest name to which a nearest one is looked for, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// A mistake in a pipeline file. Shown as `file:line:column: path: message`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, as the user named it.
    pub file: String,
    /// Where in the file.
    pub at: Position,
    /// Where in the tree, as `stages[1].relabel.rules[0].action`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

// === impl Mistake ===

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.at.line, self.at.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// `unknown {what} `{name}``, with the nearest of the valid names, or all of them where they are few.
pub fn unknown<'a>(what: &str, name: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let valid: Vec<&str> = valid.into_iter().collect();
    match nearest(name, valid.iter().copied()) {
        Some(nearest) => format!("unknown {what} `{name}`, did you mean `{nearest}`?"),
        None if valid.is_empty() => format!("unknown {what} `{name}`, there is none"),
        None if valid.len() <= 24 => format!("unknown {what} `{name}`, expected one of `{}`", valid.join("`, `")),
        None => format!("unknown {what} `{name}`"),
    }
}

/// The valid name nearest to `name`, where one is near enough to be meant.
pub fn nearest<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time and memory by the product of both lengths.
    let is_short = |text: &str| text.len() <= MAX_NAME_BYTES;
    if !is_short(name) {
        return None;
    }
    let far = 1 + name.chars().count() / 3;
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    // Names that have nothing in common are not near, however short they are.
    let is_near = |d: usize, v: &str| d <= far && d < v.chars().count().max(name.chars().count());
    let short = valid.into_iter().filter(|v| is_short(v));
    short.map(|v| (distance(v), v)).filter(|(d, v)| is_near(*d, v)).min_by_key(|(d, _)| *d).map(|(_, v)| v)
}

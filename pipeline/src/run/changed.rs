//! What a reload changed.

use std::fmt;

/// What changed: the names of resources and pipelines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Resources that were opened.
    pub opened: Vec<String>,
    /// Resources that close once what used them has drained.
    pub closed: Vec<String>,
    /// Pipelines whose tree or source is another one, and those that are new.
    pub built: Vec<String>,
    /// Pipelines that are no more.
    pub ended: Vec<String>,
}

// === impl Changed ===

impl Changed {
    /// Whether nothing did.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        let parts =
            [("opened", &self.opened), ("closed", &self.closed), ("built", &self.built), ("ended", &self.ended)];
        let mut parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        if let Some((what, names)) = parts.next() {
            write!(f, "{what} {}", names.join(", "))?;
        }
        parts.try_for_each(|(what, names)| write!(f, "; {what} {}", names.join(", ")))
    }
}

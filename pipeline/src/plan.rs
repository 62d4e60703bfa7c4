//! What pipeline files say, read and checked, before anything is opened.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use crate::config::{Env, Mistake, Node};
use crate::external_labels::ExternalLabels;
use crate::path::{Path, Read, Write};
use crate::registry::{AnyResource, AnySink, AnySource, Registry, Step};

pub(crate) mod apart;
mod case;
mod explain;
mod file;
mod lead;
mod load;
mod order;
mod yaml;

pub(crate) use case::Case;
pub use load::Contents;
use load::Loaded;

/// What pipeline files say: resources, in the order in which they must be opened, and pipelines. Valid as a whole.
pub struct Plan {
    pub(crate) resources: Vec<Arc<Declared>>,
    pub(crate) pipelines: Vec<Pipeline>,
}

/// A declared resource.
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// What may be shown of its settings.
    pub(crate) settings: Node,
    /// Its settings as they are, which nothing shows.
    pub(crate) raw: Node,
    pub(crate) resource: Arc<dyn AnyResource>,
    /// The resources that it names.
    pub(crate) needs: Vec<String>,
}

/// A pipeline of either path.
pub(crate) enum Pipeline {
    Write(Arc<Parts<Write>>),
    Read(Arc<Parts<Read>>),
}

/// The parts of a pipeline.
pub(crate) struct Parts<P: Path> {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) external_labels: ExternalLabels,
    pub(crate) source: Part<Arc<dyn AnySource<P>>>,
    pub(crate) steps: Vec<Part<Step<P>>>,
    pub(crate) sink: Part<Arc<dyn AnySink<P>>>,
    /// What is to hold of it.
    pub(crate) tests: Vec<Case>,
}

/// A component with what the file says of it.
#[derive(Clone)]
pub(crate) struct Part<T> {
    pub(crate) kind: String,
    /// What may be shown of its settings.
    pub(crate) settings: Node,
    /// Its settings as they are, which nothing shows.
    pub(crate) raw: Node,
    /// The resources that it names.
    pub(crate) needs: Vec<String>,
    pub(crate) value: T,
}

/// A file's name, as messages show it, and its text.
#[derive(Clone, Debug)]
pub struct Document {
    /// As messages show it.
    pub name: String,
    /// The YAML.
    pub text: String,
}

// === impl Plan ===

impl Plan {
    /// Reads and checks documents as a whole.
    ///
    /// # Errors
    /// Every mistake of every document, in the order of documents and positions.
    pub fn read(documents: &[Document], registry: &Registry, env: &Env) -> Result<Self, Vec<Mistake>> {
        Self::of(documents, Vec::new(), registry, env)
    }

    /// Reads and checks files, and the `*.yaml` and `*.yml` files of directories in the order of their names, as a whole.
    ///
    /// # Errors
    /// Every mistake of every file, those that can't be read among them.
    pub fn load(paths: &[PathBuf], registry: &Registry, env: &Env) -> Result<Self, Vec<Mistake>> {
        let Loaded { documents, unread } = Loaded::paths(paths);
        Self::of(&documents, unread, registry, env)
    }

    /// Reads and checks a file with the others of its directory, which may declare what it names; or a directory.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_beside(file: &FilePath, registry: &Registry, env: &Env) -> Result<Self, Vec<Mistake>> {
        let Loaded { documents, unread } = Loaded::beside(file);
        Self::of(&documents, unread, registry, env)
    }

    /// Checks what could be read, where `unread` is what could not.
    fn of(documents: &[Document], unread: Vec<Mistake>, registry: &Registry, env: &Env) -> Result<Self, Vec<Mistake>> {
        let mut reader = file::Reader::new(registry, env);
        reader.unread(unread);
        for document in documents {
            reader.document(document);
        }
        reader.finish()
    }

    /// The names of the pipelines.
    pub fn names(&self) -> Vec<&str> {
        self.pipelines.iter().map(Pipeline::name).collect()
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plan{:?}", self.names())
    }
}

// === impl Declared ===

impl Declared {
    /// Whether it says the same as another one, wherever it stands.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.raw.says_as(&other.raw)
    }
}

// === impl Part ===

impl<T> Part<T> {
    /// Whether it says the same as another one, wherever it stands.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.raw.says_as(&other.raw)
    }
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Write(parts) => &parts.name,
            Self::Read(parts) => &parts.name,
        }
    }
}

#[cfg(test)]
mod tests;

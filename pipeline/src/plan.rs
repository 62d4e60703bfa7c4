//! What pipeline files say, read and checked, before anything is opened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use crate::config::parse::MAX_FILE_BYTES;
use crate::config::{Env, Mistake, Node};
use crate::external_labels::ExternalLabels;
use crate::path::{Path, Read, Write};
use crate::registry::{AnyResource, AnySink, AnySource, Registry, Step};

mod explain;
mod file;
mod order;

/// What pipeline files say: resources, in the order in which they must be opened, and pipelines. Valid as a whole.
pub struct Plan {
    pub(crate) resources: Vec<Declared>,
    pub(crate) pipelines: Vec<Pipeline>,
}

/// A declared resource.
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) settings: Node,
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
}

/// A component with what the file says of it.
pub(crate) struct Part<T> {
    pub(crate) kind: String,
    pub(crate) settings: Node,
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
        let mut reader = file::Reader::new(registry, env);
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

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Write(parts) => &parts.name,
            Self::Read(parts) => &parts.name,
        }
    }
}

// === impl Document ===

impl Document {
    /// Reads files, and the `*.yaml` and `*.yml` files of directories in the order of their names.
    ///
    /// # Errors
    /// A path can't be read, or a directory has no such file: a mistake for each.
    pub fn load(paths: &[PathBuf]) -> Result<Vec<Self>, Vec<Mistake>> {
        let (mut documents, mut mistakes) = (Vec::new(), Vec::new());
        for path in paths {
            match files(path) {
                Ok(files) => {
                    for file in files {
                        Self::file(&file).map_or_else(|m| mistakes.push(m), |d| documents.push(d));
                    }
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { Ok(documents) } else { Err(mistakes) }
    }

    fn file(path: &FilePath) -> Result<Self, Mistake> {
        // Not more than that: it may be any file.
        let limit = MAX_FILE_BYTES + 1;
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(limit as u64).read_to_end(&mut bytes));
        read.map_err(|e| unreadable(path, &format!("can't be read: {e}")))?;
        if bytes.len() == limit {
            return Err(unreadable(path, &format!("expected at most {MAX_FILE_BYTES} bytes, got more")));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            unreadable(path, &format!("expected UTF-8, got other bytes from byte {at} on"))
        })?;
        Ok(Self { name: path.display().to_string(), text })
    }
}

fn unreadable(path: &FilePath, message: &str) -> Mistake {
    let at = crate::config::Position { line: 1, column: 1 };
    Mistake { file: path.display().to_string(), at, path: String::new(), message: message.to_owned() }
}

fn files(path: &FilePath) -> Result<Vec<PathBuf>, Mistake> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| unreadable(path, &format!("can't be read: {e}")))?;
    let is_yaml = |p: &PathBuf| p.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let found: BTreeMap<_, _> =
        entries.filter_map(Result::ok).map(|e| e.path()).filter(is_yaml).map(|p| (p.clone(), p)).collect();
    if found.is_empty() {
        return Err(unreadable(path, "expected `*.yaml` files in this directory, found none"));
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests;

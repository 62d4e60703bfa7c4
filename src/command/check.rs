//! `weir check`: every mistake of every file.

use weir_pipeline::config::{Env, Mistake};
use weir_pipeline::plan::{Document, Plan};

use super::{EMBEDDED, Exit, Pipelines};
use crate::registry;

/// Where pipelines are looked for when no path is named.
const DEFAULT_DIRECTORY: &str = "pipelines.d";

/// Reads the pipelines and says what is wrong with them, or what there is.
#[expect(clippy::print_stdout, reason = "the result is what the command prints")]
pub(super) fn check(pipelines: &Pipelines) -> Exit {
    match pipelines.plan() {
        Ok(plan) => {
            println!("no mistakes; pipelines: {}", plan.names().join(", "));
            Exit::Success
        }
        Err(mistakes) => report(&mistakes),
    }
}

/// Prints mistakes, one on each line.
pub(super) fn report(mistakes: &[Mistake]) -> Exit {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    Exit::Mistake
}

// === impl Pipelines ===

impl Pipelines {
    /// The files' contents: of the paths that are named, of `pipelines.d`, or the built-in ones.
    pub(super) fn documents(&self) -> Result<Vec<Document>, Vec<Mistake>> {
        if !self.paths.is_empty() {
            return Document::load(&self.paths);
        }
        if std::path::Path::new(DEFAULT_DIRECTORY).is_dir() {
            return Document::load(&[DEFAULT_DIRECTORY.into()]);
        }
        let embedded =
            |(name, text): &(&str, &str)| Document { name: format!("(built-in) {name}"), text: (*text).into() };
        Ok(EMBEDDED.iter().map(embedded).collect())
    }

    /// What they say.
    pub(super) fn plan(&self) -> Result<Plan, Vec<Mistake>> {
        Plan::read(&self.documents()?, &registry(), &Env::process())
    }
}

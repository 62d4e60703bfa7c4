//! `weir check`: every mistake of every file.

use weir_pipeline::config::{Env, Mistake};
use weir_pipeline::plan::{Document, Plan};

use super::{EMBEDDED, Exit, Pipelines};
use crate::out::{print, tell};
use crate::registry;

/// Where pipelines are looked for when no path is named.
const DEFAULT_DIRECTORY: &str = "pipelines.d";

/// Reads the pipelines and says what is wrong with them, or what there is.
pub(super) fn check(pipelines: &Pipelines) -> Exit {
    match pipelines.plan() {
        Ok(plan) => {
            print(&format!("no mistakes; pipelines: {}\n", plan.names().join(", ")));
            Exit::Success
        }
        Err(mistakes) => {
            let exit = report(&mistakes);
            let of_others = mistakes.iter().any(|mistake| mistake.message.starts_with("unknown resource"));
            if let [file] = pipelines.paths.as_slice()
                && of_others
                && file.is_file()
            {
                let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
                let directory = directory.unwrap_or(std::path::Path::new(".")).display();
                tell(&format!("the other files of a directory are not read: try `weir check {directory}`"));
            }
            exit
        }
    }
}

/// Prints mistakes, one on each line.
pub(super) fn report(mistakes: &[Mistake]) -> Exit {
    for mistake in mistakes {
        tell(&mistake.to_string());
    }
    Exit::Mistake
}

// === impl Pipelines ===

impl Pipelines {
    /// Where the files are; none where the built-in pipelines run.
    pub(super) fn files(&self) -> Vec<std::path::PathBuf> {
        let default = || std::path::Path::new(DEFAULT_DIRECTORY).is_dir().then(|| DEFAULT_DIRECTORY.into());
        if self.paths.is_empty() { default().into_iter().collect() } else { self.paths.clone() }
    }

    /// What the files say: those of the paths that are named, of `pipelines.d`, or the built-in ones.
    pub(super) fn plan(&self) -> Result<Plan, Vec<Mistake>> {
        let (registry, env, files) = (registry(), Env::process(), self.files());
        if !files.is_empty() {
            return Plan::load(&files, &registry, &env);
        }
        let embedded = |(name, text): (&str, &str)| Document { name: format!("(built-in) {name}"), text: text.into() };
        Plan::read(&EMBEDDED.map(embedded), &registry, &env)
    }
}

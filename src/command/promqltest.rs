//! `weir promqltest`: runs scripts in the language of Prometheus' tests of PromQL.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use weir_query::promqltest::{self, Report};

use super::Exit;
use crate::out::{print, tell};

/// How the name of a script ends.
const EXTENSION: &str = "test";

/// Run scripts of promqltest: load samples, evaluate queries, compare the answers.
///
/// Prints each evaluation that failed, with what was expected and what came, then `N passed, N failed`.
#[derive(Debug, Args)]
pub(super) struct Promqltest {
    /// Scripts, and directories of which all `*.test` run in the order of their names.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// A script that was read.
struct Script {
    /// How failures name it.
    name: String,
    text: String,
}

/// A script that runs.
struct Running {
    name: String,
    report: JoinHandle<Report>,
}

// === impl Promqltest ===

impl Promqltest {
    /// Runs the scripts, as many at once as there are cores, and reports in their order.
    pub(super) fn run(&self) -> Exit {
        let scripts = match self.scripts() {
            Ok(scripts) => scripts,
            Err(message) => {
                tell(&format!("weir: {message}"));
                return Exit::Usage;
            }
        };
        match Runtime::new() {
            Ok(runtime) => runtime.block_on(run(scripts)),
            Err(e) => {
                tell(&format!("weir: no runtime: {e}"));
                Exit::Failure
            }
        }
    }

    /// All scripts, read before any of them runs: what can't be read is a mistake in the arguments.
    fn scripts(&self) -> Result<Vec<Script>, String> {
        let mut scripts = Vec::new();
        for path in &self.paths {
            let unreadable = |e: io::Error| format!("{}: {e}", path.display());
            if !fs::metadata(path).map_err(unreadable)?.is_dir() {
                scripts.push(Script::read(path)?);
                continue;
            }
            let files = scripts_in(path).map_err(unreadable)?;
            if files.is_empty() {
                return Err(format!("{}: expected files `*.{EXTENSION}`, got none", path.display()));
            }
            for file in files {
                scripts.push(Script::read(&file)?);
            }
        }
        Ok(scripts)
    }
}

/// The scripts in a directory, sorted.
fn scripts_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == EXTENSION));
    files.sort();
    Ok(files)
}

async fn run(scripts: Vec<Script>) -> Exit {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let turns = Arc::new(Semaphore::new(cores));
    let running: Vec<Running> = scripts.into_iter().map(|script| script.start(&turns)).collect();
    let mut all = Report::default();
    for script in running {
        let report = match script.report.await {
            Ok(report) => report,
            Err(e) => Report::unusable(&script.name, 1, format!("the engine ended: {e}")),
        };
        for failure in &report.failures {
            print(&format!("{failure}\n"));
        }
        all.merge(report);
    }
    print(&format!("{} passed, {} failed\n", all.passed, all.failed));
    if all.is_ok() { Exit::Success } else { Exit::Mistake }
}

// === impl Script ===

impl Script {
    fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
        Ok(Self { name, text })
    }

    /// Runs once it is its turn.
    fn start(self, turns: &Arc<Semaphore>) -> Running {
        let (name, turns) = (self.name.clone(), turns.clone());
        let report = tokio::spawn(async move {
            // Nobody closes it: without a turn it could only run too early.
            let _turn = turns.acquire().await.ok();
            promqltest::run(&self.name, &self.text).await
        });
        Running { name, report }
    }
}

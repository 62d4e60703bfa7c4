//! `weir test`: the tests of pipeline files.

use clap::Args;

use super::{Exit, Pipelines, check};
use crate::out::{print, tell};

/// Run the tests of pipeline files: what goes into the stages, and what is to reach the sink.
///
/// Neither source nor sink is there, and no file is written. Prints a line for each test, below one that failed what was
/// expected (`-`) and what came instead (`+`), then `N passed, N failed`.
#[derive(Clone, Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    pipelines: Pipelines,
}

// === impl Test ===

impl Test {
    /// Runs them.
    pub(super) fn run(&self) -> Exit {
        let plan = match self.pipelines.plan() {
            Ok(plan) => plan,
            Err(mistakes) => return check::report(&mistakes),
        };
        let trials = match plan.test() {
            Ok(trials) => trials,
            Err(e) => {
                tell(&format!("weir: no runtime: {e}"));
                return Exit::Failure;
            }
        };
        if trials.is_empty() {
            // Nothing to run is not all right.
            tell(&format!("weir: expected `tests` in one of the pipelines {}, got none", plan.names().join(", ")));
            return Exit::Usage;
        }
        for trial in &trials {
            print(&format!("{trial}\n"));
        }
        let passed = trials.iter().filter(|trial| trial.passed()).count();
        print(&format!("{passed} passed, {} failed\n", trials.len() - passed));
        if passed == trials.len() { Exit::Success } else { Exit::Mistake }
    }
}

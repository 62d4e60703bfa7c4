//! `weir explain`: the assembled tree of a file, or the plan of a query.

use std::path::PathBuf;

use clap::Args;
use weir_pipeline::config::Env;
use weir_pipeline::plan::Plan;

use super::{Exit, check};
use crate::out::{print, tell};
use crate::registry;

/// Show the assembled tree of a pipeline file, or the plan of a query.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Explain {
    /// The pipeline file, or a directory of them. Resources that a file names may be declared in the other files of its
    /// directory.
    #[arg(group = "what")]
    file: Option<PathBuf>,
    /// A PromQL expression: show the DataFusion plan that it becomes.
    #[arg(long, group = "what")]
    promql: Option<String>,
}

// === impl Explain ===

impl Explain {
    /// Shows the tree or the plan.
    pub(super) fn run(&self) -> Exit {
        if let Some(promql) = &self.promql {
            return explain_query(promql);
        }
        let Some(file) = &self.file else { return Exit::Usage };
        // A file alone may name what its neighbours declare.
        match Plan::load_beside(file, &registry(), &Env::process()) {
            Ok(plan) => {
                let one = file.is_file().then(|| file.display().to_string());
                print(&plan.explain(one.as_deref()));
                Exit::Success
            }
            Err(mistakes) => check::report(&mistakes),
        }
    }
}

fn explain_query(promql: &str) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tell(&format!("weir: no runtime: {e}"));
            return Exit::Failure;
        }
    };
    match runtime.block_on(weir_query::explain(promql)) {
        Ok(plan) => {
            print(&format!("{plan}\n"));
            Exit::Success
        }
        Err(error) => {
            tell(&format!("weir: {}", error.report()));
            Exit::Mistake
        }
    }
}

//! `weir explain`: the assembled tree of a file, or the plan of a query.

use std::path::PathBuf;

use clap::Args;
use weir_pipeline::config::Env;
use weir_pipeline::plan::Plan;

use super::{Exit, check};
use crate::registry;

/// Show the assembled tree of a pipeline file, or the plan of a query.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Explain {
    /// The pipeline file. Resources that it names may be declared in the other files of its directory.
    #[arg(group = "what")]
    file: Option<PathBuf>,
    /// A PromQL expression: show the DataFusion plan that it becomes.
    #[arg(long, group = "what")]
    promql: Option<String>,
}

// === impl Explain ===

impl Explain {
    /// Shows the tree or the plan.
    #[expect(clippy::print_stdout, reason = "the result is what the command prints")]
    pub(super) fn run(&self) -> Exit {
        if let Some(promql) = &self.promql {
            return explain_query(promql);
        }
        let Some(file) = &self.file else { return Exit::Usage };
        // A file alone may name what its neighbours declare.
        match Plan::load_beside(file, &registry(), &Env::process()) {
            Ok(plan) => {
                print!("{}", plan.explain(Some(&file.display().to_string())));
                Exit::Success
            }
            Err(mistakes) => check::report(&mistakes),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the result is what the command prints")]
fn explain_query(promql: &str) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("weir: no runtime: {e}");
            return Exit::Failure;
        }
    };
    match runtime.block_on(weir_query::explain(promql)) {
        Ok(plan) => {
            println!("{plan}");
            Exit::Success
        }
        Err(error) => {
            eprintln!("weir: {}", error.report());
            Exit::Mistake
        }
    }
}

//! The commands, their arguments and their exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::logs::LogFormat;

mod check;
mod client;
mod explain;
mod new_plugin;
mod paper;
mod promqltest;
mod query;
mod run;
mod sql;
mod stages;
mod table;
mod tap;
mod test;
mod watch;

pub(crate) use stages::json_schema;

/// The pipelines that run where no directory is named and there is no `pipelines.d`.
const EMBEDDED: [(&str, &str); 4] = [
    ("00-resources.yaml", include_str!("../pipelines.d/00-resources.yaml")),
    ("10-agent.yaml", include_str!("../pipelines.d/10-agent.yaml")),
    ("20-receive.yaml", include_str!("../pipelines.d/20-receive.yaml")),
    ("30-query.yaml", include_str!("../pipelines.d/30-query.yaml")),
];

const AFTER_HELP: &str = "\
Examples:
  weir                                     run the pipelines of ./pipelines.d, or the built-in ones
  weir run /etc/weir                       run the pipelines of another directory
  weir run --watch /etc/weir               the same, and read its files anew when they change
  weir check /etc/weir                     list every mistake of every file
  weir test                                run the tests of the pipelines
  weir explain pipelines.d/20-receive.yaml show the assembled tree
  weir explain --promql 'sum(rate(x[5m]))' show how a query runs
  weir stages relabel                      describe a stage with all settings
  weir query 'up'                          ask a running Weir
  weir sql 'SELECT * FROM up LIMIT 9'      ask it in SQL
  weir tap receive                         watch the samples that come (needs a resource `tap`)
  weir sql --bucket /srv/weir 'SHOW TABLES' ask a bucket, without a server
  weir promqltest scripts/                 run all scripts `*.test` of a directory

Exit codes:
  0  it worked
  1  a mistake in a file or in a query, an evaluation of a script that failed
  2  a mistake in the arguments, a script that can't be read
  3  a failure at run time: an address in use, a full disk, no answer";

/// Moves metrics from where they are measured to where they are asked for.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, after_help = AFTER_HELP)]
pub(crate) struct Weir {
    /// Logs as text or as JSON.
    #[arg(long = "log.format", value_enum, default_value = "text", global = true)]
    log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,weir_stages=debug`.
    #[arg(long = "log.level", default_value = "info", global = true)]
    log_level: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    /// List every mistake of every file, as `file:line:column: path: message`.
    Check(Pipelines),
    Test(test::Test),
    /// Show the assembled tree of a pipeline file, or the plan of a query.
    Explain(explain::Explain),
    Stages(stages::Stages),
    /// Ask a running Weir, or anything else with Prometheus' API.
    Query(query::Query),
    /// Ask a running Weir in SQL, or what is in a bucket: each metric is a table.
    Sql(sql::Sql),
    Tap(tap::Tap),
    /// Run scripts in the language of Prometheus' tests of PromQL.
    Promqltest(promqltest::Promqltest),
    NewPlugin(new_plugin::NewPlugin),
    Completions(paper::Completions),
    Man(paper::Man),
}

// Which pipelines. Its docs would stand in the place of those of the commands that it is part of.
#[derive(Clone, Debug, Default, Args)]
struct Pipelines {
    /// A directory of YAML files, or files. Without any: `pipelines.d` where it exists, else the built-in pipelines.
    paths: Vec<PathBuf>,
}

/// What a command ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// It worked.
    Success = 0,
    /// A mistake in a file or in a query, or an evaluation of a script that failed.
    Mistake = 1,
    /// A mistake in the arguments, or a script that can't be read. The argument parser itself exits with this too.
    Usage = 2,
    /// A failure at run time.
    Failure = 3,
}

// === impl Weir ===

impl Weir {
    /// Runs the command.
    pub(crate) fn run(self) -> ExitCode {
        if let Err(message) = crate::logs::start(self.log_format, &self.log_level) {
            return Exit::Usage.says(&message);
        }
        match self.command.unwrap_or(Command::Run(run::Run::default())) {
            Command::Run(run) => run::run(&run, self.log_format),
            Command::Check(pipelines) => check::check(&pipelines),
            Command::Test(test) => test.run(),
            Command::Explain(explain) => explain.run(),
            Command::Stages(stages) => stages.run(),
            Command::Query(query) => query.run(),
            Command::Sql(sql) => sql.run(),
            Command::Tap(tap) => tap.run(),
            Command::Promqltest(scripts) => scripts.run(),
            Command::NewPlugin(plugin) => plugin.run(),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
        }
        .into()
    }
}

// === impl Exit ===

impl Exit {
    /// This code, after a message on standard error.
    fn says(self, message: &str) -> ExitCode {
        crate::out::tell(&format!("weir: {message}"));
        self.into()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

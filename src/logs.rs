//! What the program says while it runs: to standard error, as text for people or as JSON for machines.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for a person.
    Text,
    /// A JSON object for each line.
    Json,
}

/// Starts logging. `level` is a level or a filter such as `info,weir_stages=debug`.
///
/// # Errors
/// `level` is not a filter.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|e| format!("--log.level `{level}`: {e}"))?;
    // Colours are for people at a terminal; https://no-color.org for those who want none there.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => {
            logs.json().init();
            std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a panic: a fault of the program")));
        }
    }
    Ok(())
}

/// Says why the program ends: in JSON among JSON.
pub(crate) fn last_words(format: LogFormat, message: &str) {
    match format {
        LogFormat::Text => crate::out::tell(&format!("weir: {message}")),
        LogFormat::Json => tracing::error!(error = message, "weir ends"),
    }
}

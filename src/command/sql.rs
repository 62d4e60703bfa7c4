//! `weir sql`: asks a running Weir in SQL, or what is in a bucket, and prints a table.

use std::time::Duration;

use clap::{Args, ValueEnum};
use hyper::StatusCode;
use serde_json::Value;
use weir_pipeline::units::{Bytes, Span};

use super::Exit;
use super::client::Server;
use super::query::{escape, fail};
use crate::out::{print, tell};

mod bucket;

/// What is waited beyond what the server may take.
const SLACK: Duration = Duration::from_secs(1);

/// Ask a running Weir in SQL, or what is in a bucket: each metric is a table.
#[derive(Debug, Args)]
pub(super) struct Sql {
    /// The SQL text.
    sql: String,
    #[command(flatten)]
    server: Server,
    /// Ask no server, but read what is in a bucket: a directory, or `s3://NAME/PREFIX?endpoint=http://…`, where `region`,
    /// `path_style` and `credentials` may be said as well. Keys come from the environment (AWS_ACCESS_KEY_ID and so on).
    #[arg(long, value_name = "WHERE", help_heading = "Without a server")]
    bucket: Option<String>,
    /// What the query may take in memory.
    #[arg(long, default_value = "1GiB", help_heading = "Without a server")]
    memory: Bytes,
    /// How to print the rows.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// How long to wait, as `30s` or `2m`.
    #[arg(long, default_value = "2m")]
    timeout: Span,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns side by side.
    Table,
    /// The answer's JSON as it came.
    Json,
    /// Lines of values between commas.
    Csv,
}

// === impl Sql ===

impl Sql {
    /// Asks and prints.
    pub(super) fn run(&self) -> Exit {
        if let Some(place) = &self.bucket {
            return self.read(place);
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(Exit::Failure, &format!("no runtime: {e}")),
        };
        let format = if self.format == Format::Csv { "csv" } else { "json" };
        let form = format!("query={}&format={format}&timeout={}", escape(&self.sql), escape(&self.timeout.to_string()));
        let wait = self.timeout.get().saturating_add(SLACK);
        match runtime.block_on(async { tokio::time::timeout(wait, self.server.post("/api/v1/sql", form)).await }) {
            Err(_) => fail(Exit::Failure, &format!("{} did not answer within {}", self.server.url, self.timeout)),
            Ok(Err(message)) => fail(Exit::Failure, &message),
            Ok(Ok((status, body))) => self.show(status, &body),
        }
    }

    fn show(&self, status: StatusCode, body: &[u8]) -> Exit {
        if status == StatusCode::OK && self.format == Format::Csv {
            print(&String::from_utf8_lossy(body));
            return Exit::Success;
        }
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return fail(Exit::Failure, &self.server.unreadable(status));
        };
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            tell(warning.as_str().unwrap_or_default());
        }
        if answer["status"] != "success" {
            let wrong = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
            let message = answer["error"].as_str().unwrap_or("an error without a message");
            return fail(if wrong { Exit::Mistake } else { Exit::Failure }, message);
        }
        match self.format {
            Format::Json | Format::Csv => print(&format!("{}\n", String::from_utf8_lossy(body))),
            Format::Table => print(&table(&answer["data"])),
        }
        Exit::Success
    }
}

/// A line with the names of the columns, and one for each row. Numbers stand to the right.
fn table(data: &Value) -> String {
    let columns = data["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let head = columns.iter().map(|column| column["name"].as_str().unwrap_or_default().to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![head];
    let rows = data["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(rows.iter().flat_map(lines_of));
    let is_number = |column: usize| {
        let name = columns.get(column).and_then(|column| column["type"].as_str()).unwrap_or_default();
        ["Int", "UInt", "Float", "Decimal"].iter().any(|number| name.starts_with(number))
    };
    super::table::table(&lines, is_number)
}

/// A row as lines: as many as the text in it that has most, as plans have them.
fn lines_of(row: &Value) -> Vec<Vec<String>> {
    let cells: Vec<String> = row.as_array().into_iter().flatten().map(cell).collect();
    let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(1).max(1);
    let line = |n: usize| cells.iter().map(|cell| cell.lines().nth(n).unwrap_or_default().to_owned()).collect();
    (0..height).map(line).collect()
}

/// A value as a cell. NULL is empty.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;

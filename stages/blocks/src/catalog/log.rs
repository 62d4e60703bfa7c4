//! Reads the commits of a log, one file each: a JSON action a line.

use std::collections::HashMap;

use object_store::path::Path;
use serde::Deserialize;
use weir_pipeline::{Error, Result};

use super::Version;
use super::row::{File, Stats};

/// The directory of the log, below that of the table.
pub(super) const LOG: &str = "_delta_log";

/// What tells which checkpoint is the last one.
pub(super) const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// What comes after the version in the name of a checkpoint's file.
pub(super) const CHECKPOINT: &str = "checkpoint.parquet";

/// The name of the mark that each commit of Weir carries among its operation's parameters.
pub(super) const MARK: &str = "weirCommit";

/// What one commit did.
#[derive(Debug, Default)]
pub(super) struct Commit {
    pub(super) mark: Option<String>,
    pub(super) add: Vec<File>,
    /// Paths of files, and when they were removed where that is told, in milliseconds since the Unix epoch.
    pub(super) remove: Vec<(String, Option<i64>)>,
    pub(super) transactions: Vec<(String, i64)>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    add: Option<Add>,
    remove: Option<Remove>,
    txn: Option<Transaction>,
    protocol: Option<Protocol>,
    commit_info: Option<CommitInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    path: String,
    size: i64,
    #[serde(default)]
    partition_values: HashMap<String, Option<String>>,
    deletion_vector: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remove {
    path: String,
    deletion_timestamp: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    app_id: String,
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protocol {
    min_reader_version: u32,
    min_writer_version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitInfo {
    #[serde(default)]
    operation_parameters: HashMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: Version,
}

/// The name of a commit's file.
pub(super) fn commit_file(version: Version) -> String {
    format!("{version:020}.json")
}

/// The name of a checkpoint's file.
pub(super) fn checkpoint_file(version: Version) -> String {
    format!("{version:020}.{CHECKPOINT}")
}

/// The version that a file of the log belongs to, and what comes after it in its name.
pub(super) fn version_of(path: &Path) -> Option<(Version, String)> {
    let name = path.filename()?;
    let (version, rest) = name.split_once('.')?;
    let digits = version.len() == 20 && version.bytes().all(|b| b.is_ascii_digit());
    Some((version.parse().ok().filter(|_| digits)?, rest.to_owned()))
}

/// The version of the last checkpoint, if that can be read.
pub(super) fn last_checkpoint(bytes: &[u8]) -> Option<Version> {
    let last: LastCheckpoint = serde_json::from_slice(bytes).ok()?;
    i64::try_from(last.version).ok().map(|_| last.version)
}

/// What a commit did.
///
/// # Errors
/// It is no commit, or one of somebody who did with the table what Weir can't read.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Commit> {
    let mut commit = Commit::default();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let action: Action = serde_json::from_slice(line)
            .map_err(|e| Error::internal(format!("expected a commit to a table in `{file}`")).with_source(e))?;
        if let Some(add) = action.add {
            if add.deletion_vector.is_some() {
                return Err(Error::unprocessable(format!(
                    "`{file}` deletes rows of `{}`: that is not supported",
                    add.path
                )));
            }
            let partition = add.partition_values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            commit.add.push(File { path: add.path, size: add.size, partition, stats: Stats::default() });
        }
        commit.remove.extend(action.remove.map(|remove| (remove.path, remove.deletion_timestamp)));
        commit.transactions.extend(action.txn.map(|txn| (txn.app_id, txn.version)));
        if let Some(protocol) = action.protocol
            && (protocol.min_reader_version > 1 || protocol.min_writer_version > 2)
        {
            let Protocol { min_reader_version: reader, min_writer_version: writer } = protocol;
            let message =
                format!("`{file}` asks for reader version {reader} and writer version {writer} of the protocol");
            return Err(Error::unprocessable(format!("{message}, this program keeps to 1 and 2")));
        }
        if let Some(serde_json::Value::String(mark)) =
            action.commit_info.and_then(|mut info| info.operation_parameters.remove(MARK))
        {
            commit.mark = Some(mark);
        }
    }
    Ok(commit)
}

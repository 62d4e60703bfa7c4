//! The catalog: which blocks there are.
//!
//! A block exists from the moment a commit to the catalog says so until another one removes it. Commits are atomic, of all
//! who commit at one time one wins and the others come after it, and a reader's [`Snapshot`] never changes.
//!
//! [`DeltaCatalog`] keeps it as Delta Lake logs in the bucket, so that others read the blocks as tables:
//!
//! | table | directory | files | partition columns |
//! |---|---|---|---|
//! | samples, one table per resolution | `<tenant>/raw`, log in `<tenant>/raw/_delta_log` | `block=<ULID>/samples.parquet` | `block`, `entry` |
//! | series, one table for all resolutions | `<tenant>`, log in `<tenant>/_delta_log` | `raw/block=<ULID>/series.parquet` | `resolution`, `block` |
//!
//! A file of a table lies below its directory by the protocol; so the series' table is the tenant's directory itself. The
//! files have no column for their block: the partition column `block` carries it, and `(block, series_ref)` joins the two.
//! The series are committed before the samples and removed after them: what stands in between joins with nothing. `entry`
//! is what Weir itself knows of a block, as JSON ([`Entry`]): the kernel writes no tags, partition values survive
//! checkpoints and need no file to be opened, and nobody cuts them short as they may statistics.
//!
//! Others may read these tables, and must not write to them: `VACUUM` on the samples' table would remove the series' files,
//! and two of delta-rs' `OPTIMIZE` at one time double rows. A file that is no block's is refused. delta-rs, pyarrow and
//! DuckDB over them read all columns; Polars' own reader takes partition values from directories named `block=…`, and shows
//! `block`, `entry` and `resolution` as null (`scan_delta(…, use_pyarrow=True)` does not). The columns of promoted labels
//! (`l_<name>`) come into the table of series with the first block that has them ([`Change::labels`]).
//!
//! # What reading and committing cost
//!
//! The kernel lists the log for each snapshot, also for one that continues another. So Weir follows the log by itself: a
//! commit's file has its version for its name, and a reader asks for the next one until there is none. To see that nothing
//! is new costs one GET (a 404), whoever asks meanwhile included; n new commits cost n, and one to 15 more for those that
//! are asked for ahead. A node that opens a table asks for `_last_checkpoint` first: where there is none it reads the log
//! from its first commit, else the kernel loads that checkpoint, whose file's size a HEAD tells, and the commits after it
//! follow. The log is listed only where that file is gone: `_last_checkpoint` is older than the last cleaning then.
//!
//! A commit costs a GET and a conditional PUT for each of the two tables, and one more GET; a listing and a GET of what is new where
//! somebody else has committed since one's own last commit. Each 64th commit writes a checkpoint, and removes of the log what
//! a checkpoint older than [`Settings::log_retention`] replaces, by the bucket's clock. A reader that has not looked for
//! five minutes looks at `_last_checkpoint` too: the commits that it would ask for may be gone.

use async_trait::async_trait;
use weir_pipeline::{Result, Tenant};

mod changes;
mod columns;
mod commit;
mod delta;
mod entry;
mod executor;
mod keep;
mod kernel;
mod known;
mod log;
mod removed;
mod row;
mod table;

pub use changes::Change;
pub use delta::{DeltaCatalog, Settings};
pub use entry::{BlockId, Covered, Entry, Resolution};
pub use table::Snapshot;

/// The number of a commit to one table; the first one is 0.
pub type Version = u64;

/// Which blocks there are.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The blocks of a tenant at this moment. What is committed later does not change it.
    ///
    /// # Errors
    /// The bucket fails, or somebody else has written to the table what Weir can't read.
    async fn snapshot(&self, tenant: &Tenant, resolution: Resolution) -> Result<Snapshot>;

    /// Adds and removes blocks, all of them or none, and says in which version that is done. The blocks' files must be there.
    ///
    /// A change whose transaction the catalog already has, or one that is done already as its blocks show, is a success that
    /// changes nothing; it hears a version which has it. So a commit whose answer was lost is simply repeated.
    ///
    /// Cancel safety: a commit that is dropped may or may not have happened.
    ///
    /// # Errors
    /// `Unprocessable` where a block to be removed is not there any more: somebody else has replaced it, nothing has
    /// changed, and repeating does not help. `Invalid` where the change makes no sense. `Unavailable` or
    /// `TimedOut` where the bucket fails, or too many others commit: whether it happened is then not known, but to who
    /// repeats it.
    async fn commit(&self, tenant: &Tenant, resolution: Resolution, change: Change) -> Result<Version>;
}

#[cfg(test)]
mod tests;

//! Blocks in Parquet: one row per series in `series.parquet`, the samples in `samples.parquet`.
//!
//! A block is a directory named by a ULID, `<tenant>/raw/block=<ULID>/`: as Hive names partitions, so that those who read the tables of the
//! catalog take the block from there. The series file is put first. On a store's disk the samples
//! file makes the block exist, in a bucket the catalog's commit of it. Samples lie in row groups of one aligned window of four hours each, sorted by series
//! within it; the series file says how many samples each series has in each row group, so that matching series become
//! row ranges, and only their pages are fetched.
//!
//! Format version 2 has native histograms: rows of the samples file whose value is the struct `histogram`, with their start
//! timestamps in the column `start_ts`; the series file says kind 1 of a series that has any. A block without them has
//! version 1 and no such column. Where it has floats whose starts are known these stand in `start_ts`, too, and the series file says
//! kind 2 of series of such floats; older programs read their values. Exemplars, and what is said of metrics, are columns of the
//! series file, which is there only where a block has any. A reader refuses a greater version, and ignores columns that it
//! does not know.

mod columns;
mod damage;
mod decoded;
mod direct;
pub(crate) mod extras;
mod fetch;
pub mod fuzz;
mod histograms;
mod index;
mod opened;
mod pages;
mod read;
mod recent;
mod said;
mod schema;
mod series;
mod shelf;
mod write;

use ulid::Ulid;

pub(crate) use schema::{Beside, beside_floats};
pub use shelf::{BlockShelf, Memory};
pub(crate) use shelf::{Put, began, life};

/// The latest version of the format.
pub const FORMAT: u32 = 2;

/// The version of a block without native histograms.
pub const FLOATS_FORMAT: u32 = 1;

/// The length of the windows that row groups lie in, in milliseconds.
pub const WINDOW: i64 = 4 * 3_600_000;

/// The directory of samples as they came, below the tenant's.
pub const RAW: &str = "raw";

/// What stands before a block's name in that of its directory.
const DIRECTORY: &str = "block=";

/// The name of a block's directory.
pub fn directory_name(block: Ulid) -> String {
    format!("{DIRECTORY}{block}")
}

/// The block whose directory has this name; `None` where it is none.
pub fn block_of(directory_name: &str) -> Option<Ulid> {
    directory_name.strip_prefix(DIRECTORY).and_then(|name| Ulid::from_string(name).ok())
}

/// The two files of a block.
pub const SERIES_FILE: &str = "series.parquet";
/// See [`SERIES_FILE`].
pub const SAMPLES_FILE: &str = "samples.parquet";

#[cfg(test)]
mod tests;

//! What is different between the two kinds of tables.

use std::collections::HashMap;

use object_store::path::Path;
use weir_pipeline::{Error, Result};

use super::columns::{SAMPLES, SERIES, Shape};
use super::entry::{BlockId, Entry, Resolution, shown};
use crate::block::{SAMPLES_FILE, SERIES_FILE, block_of, directory_name};

/// A file of a table, as Weir sees it.
pub(super) trait Row: Clone + Send + Sync + 'static {
    /// The columns.
    const SHAPE: &'static Shape;

    fn block(&self) -> BlockId;

    fn to_file(&self) -> Result<File>;

    fn from_file(file: &File) -> Result<Self>;
}

/// A file of a table, as the table sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Its path below the table's directory.
    pub(super) path: String,
    /// In bytes.
    pub(super) size: i64,
    pub(super) partition: HashMap<String, String>,
    /// What is known of the content, on the way in only.
    pub(super) stats: Stats,
}

/// What is known of a file's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) rows: i64,
    pub(super) ts: Option<(i64, i64)>,
}

/// The series file of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeriesRow {
    pub(super) resolution: Resolution,
    pub(super) block: BlockId,
    pub(super) bytes: u64,
    pub(super) series: u64,
}

/// The block that a file belongs to, as its path says.
pub(super) fn block_in(path: &str) -> Option<BlockId> {
    path.split('/').find_map(block_of)
}

// === impl File ===

impl File {
    fn wrong(&self, table: &str) -> Error {
        let path = shown(&self.path);
        Error::internal(format!(
            "the table of {table} has `{path}`, which is no file of a block: others must not write to it"
        ))
    }

    fn partition(&self, name: &str) -> &str {
        self.partition.get(name).map_or("", String::as_str)
    }

    /// When it was made, in milliseconds since the Unix epoch: its block's name tells.
    pub(super) fn made(&self) -> i64 {
        block_in(&self.path).map_or(0, |block| block.timestamp_ms() as i64)
    }

    fn bytes(&self) -> u64 {
        self.size.max(0).unsigned_abs()
    }
}

// === impl Entry ===

impl Row for Entry {
    const SHAPE: &'static Shape = &SAMPLES;

    fn block(&self) -> BlockId {
        self.block
    }

    fn to_file(&self) -> Result<File> {
        let partition = [("block", self.block.to_string()), ("entry", self.to_text()?)];
        Ok(File {
            path: format!("{}/{SAMPLES_FILE}", directory_name(self.block)),
            size: size(self.samples_bytes)?,
            partition: partition.map(|(name, value)| (name.to_owned(), value)).into(),
            stats: Stats { rows: size(self.samples)?, ts: Some((self.min_ts, self.max_ts)) },
        })
    }

    fn from_file(file: &File) -> Result<Self> {
        let path = Path::parse(&file.path).map_err(|e| file.wrong("samples").with_source(e))?;
        let block = match path.parts().collect::<Vec<_>>().as_slice() {
            [block, name] if name.as_ref() == SAMPLES_FILE => block_of(block.as_ref()),
            _ => None,
        };
        let block = block.ok_or_else(|| file.wrong("samples"))?;
        Self::from_text(block, file.bytes(), file.partition("entry"))
    }
}

// === impl SeriesRow ===

impl Row for SeriesRow {
    const SHAPE: &'static Shape = &SERIES;

    fn block(&self) -> BlockId {
        self.block
    }

    fn to_file(&self) -> Result<File> {
        let partition = [("resolution", self.resolution.to_string()), ("block", self.block.to_string())];
        Ok(File {
            path: format!("{}/{}/{SERIES_FILE}", self.resolution, directory_name(self.block)),
            size: size(self.bytes)?,
            partition: partition.map(|(name, value)| (name.to_owned(), value)).into(),
            stats: Stats { rows: size(self.series)?, ts: None },
        })
    }

    fn from_file(file: &File) -> Result<Self> {
        let path = Path::parse(&file.path).map_err(|e| file.wrong("series").with_source(e))?;
        let found = match path.parts().collect::<Vec<_>>().as_slice() {
            [resolution, block, name] if name.as_ref() == SERIES_FILE => {
                Resolution::parse(resolution.as_ref()).zip(block_of(block.as_ref()))
            }
            _ => None,
        };
        let (resolution, block) = found.ok_or_else(|| file.wrong("series"))?;
        Ok(Self { resolution, block, bytes: file.bytes(), series: file.stats.rows.max(0).unsigned_abs() })
    }
}

fn size(n: u64) -> Result<i64> {
    i64::try_from(n).map_err(|_| Error::invalid(format!("expected a size below 2^63, got `{n}`")))
}

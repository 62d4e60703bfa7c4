//! Why a block can't be read: what its files hold, or the bucket that does not give them.

use object_store::path::Path;
use parquet::errors::ParquetError;
use weir_pipeline::Error;

/// Why a block can't be read.
#[derive(Debug)]
pub(super) enum Damage {
    /// The files do not hold what a block holds.
    Files(String),
    /// The bucket failed: the block may be as good as any.
    Bucket(Error),
}

// === impl Damage ===

impl Damage {
    /// The error of who reads the block in `directory`. A block that is damaged is nothing that waiting mends.
    pub(super) fn of(self, directory: &Path) -> Error {
        match self {
            Self::Files(what) => Error::internal(format!("block `{directory}` can't be read: {what}")),
            Self::Bucket(error) => {
                Error::new(error.kind(), format!("block `{directory}` can't be read")).with_source(error)
            }
        }
    }
}

impl From<String> for Damage {
    fn from(what: String) -> Self {
        Self::Files(what)
    }
}

impl From<&str> for Damage {
    fn from(what: &str) -> Self {
        Self::Files(what.to_owned())
    }
}

impl From<ParquetError> for Damage {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<Error>() {
                Ok(error) => Self::Bucket(*error),
                Err(other) => Self::Files(other.to_string()),
            },
            other => Self::Files(other.to_string()),
        }
    }
}

impl From<Error> for Damage {
    fn from(error: Error) -> Self {
        Self::Files(error.to_string())
    }
}

#[cfg(test)]
mod tests;

//! The rows of an SQL answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::error::Result;

/// In which form rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowForm {
    /// A JSON document.
    #[default]
    Json,
    /// Lines of values between commas, the first of which has the columns' names.
    Csv,
    /// The stream of Arrow's IPC format.
    Arrow,
    /// The same without rows: the query is planned and not run.
    ArrowSchema,
}

/// Rows in a form, in pieces that come one after the other, to be taken once: of a clone or of this, not of both.
/// Dropping them ends the query.
#[derive(Clone)]
pub struct Rows {
    /// In which form they are.
    pub form: RowForm,
    pieces: Arc<Mutex<Option<Pieces>>>,
}

type Pieces = BoxStream<'static, Result<Bytes>>;

// === impl Rows ===

impl Rows {
    /// Rows to be taken. An error ends them.
    pub fn new(form: RowForm, pieces: impl futures_util::Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self { form, pieces: Arc::new(Mutex::new(Some(pieces.boxed()))) }
    }

    /// The pieces; nothing where they were taken before.
    pub fn take(&self) -> Option<BoxStream<'static, Result<Bytes>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pieces, &other.pieces)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({:?})", self.form)
    }
}

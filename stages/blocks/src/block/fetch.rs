//! Fetches the parts of a file that a Parquet reader asks for.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::bucket::objects::Objects;

/// A file of a bucket, read by ranges.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) objects: Arc<Objects>,
    pub(super) path: Path,
    pub(super) size: u64,
}

// === impl Fetch ===

impl Fetch {
    /// The footer with the page index.
    pub(super) async fn metadata(&mut self) -> Result<ArrowReaderMetadata> {
        let options =
            ArrowReaderOptions::new().with_skip_arrow_metadata(false).with_page_index_policy(PageIndexPolicy::Required);
        ArrowReaderMetadata::load_async(self, options).await
    }
}

fn external(error: weir_pipeline::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Fetch {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let mut found = self.objects.get_ranges(&self.path, &[range]).await.map_err(external)?;
            found.pop().ok_or_else(|| ParquetError::General("a range is not there".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.objects.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
            Ok(Arc::new(reader.with_prefetch_hint(Some(64 << 10)).load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

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
use ulid::Ulid;

use super::pages::Pages;
use crate::bucket::objects::Objects;

/// A file of a bucket, read by ranges.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) objects: Arc<Objects>,
    pub(super) path: Path,
    pub(super) size: u64,
    /// Whose pages are kept, and where.
    pub(super) pages: Option<(Ulid, Arc<Pages>)>,
}

// === impl Fetch ===

impl Fetch {
    /// The footer with the page index.
    pub(super) async fn metadata(&mut self) -> Result<ArrowReaderMetadata> {
        let options =
            ArrowReaderOptions::new().with_skip_arrow_metadata(false).with_page_index_policy(PageIndexPolicy::Required);
        ArrowReaderMetadata::load_async(self, options).await
    }

    /// Some ranges of the file, from memory as far as they are there.
    pub(super) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let Some((block, pages)) = &self.pages else {
            return self.objects.get_ranges(&self.path, ranges).await.map_err(external);
        };
        let known = pages.get(*block, ranges);
        let absent: Vec<_> =
            ranges.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(range, _)| range.clone()).collect();
        if absent.is_empty() {
            return Ok(known.into_iter().flatten().collect());
        }
        let read = self.objects.get_ranges(&self.path, &absent).await.map_err(external)?;
        if read.len() != absent.len() {
            return Err(ParquetError::General("a range is not there".to_owned()));
        }
        absent.iter().zip(&read).for_each(|(range, bytes)| pages.put(*block, range, bytes));
        let mut read = read.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| read.next())).collect())
    }
}

fn external(error: weir_pipeline::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Fetch {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let mut found = self.ranges(&[range]).await?;
            found.pop().ok_or_else(|| ParquetError::General("a range is not there".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.ranges(&ranges).await }.boxed()
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

//! Counts what is asked of a bucket, of whichever kind.
//!
//! `thanos_objstore_bucket_operations_total`, `…_operation_failures_total` and `…_operation_duration_seconds` are Thanos'
//! metrics of a bucket, with its labels `bucket` and `operation` and its names of operations (`objstore.go` of
//! thanos-io/objstore): `upload`, `get`, `get_range`, `attributes`, `iter` for a listing, `delete`. Beside them there are
//! `upload_if_absent`, `copy` and `rename`. Durations are of operations that succeeded, without listings, as there, and
//! `…_operation_fetched_bytes_total` counts what was read of objects; `weir_bucket_sent_bytes_total` counts what was put.
//!
//! An operation is one call, however often it is repeated and however many requests it takes (a listing takes one for
//! each 1,000 objects, several ranges of one object may take several). That an object is not there, or is there already,
//! is an answer and no failure.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use weir_pipeline::{Context, Metrics};

/// The bounds of durations in seconds: those that Thanos has.
const SECONDS: [f64; 14] = [0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0];

/// The listing of objects, whose duration depends on how many there are, and on who reads it.
const ITER: &str = "iter";

/// A bucket whose operations are counted.
#[derive(Debug)]
pub(super) struct Measured {
    store: Arc<dyn ObjectStore>,
    measures: Measures,
}

/// The metrics of one bucket.
#[derive(Clone)]
pub(super) struct Measures {
    bucket: Arc<str>,
    operations: Family<Labels, Counter>,
    failures: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    sent: Family<Labels, Counter>,
    received: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    bucket: Arc<str>,
    operation: &'static str,
}

/// An operation that has begun. Its duration is known when it is dropped.
struct Running {
    measures: Measures,
    labels: Labels,
    begin: Instant,
    /// Whether it has got an answer, and no part of it failed.
    succeeded: AtomicBool,
}

// === impl Measured ===

impl Measured {
    pub(super) fn new(store: Arc<dyn ObjectStore>, measures: Measures) -> Self {
        Self { store, measures }
    }

    fn begin(&self, operation: &'static str) -> Running {
        let labels = Labels { bucket: self.measures.bucket.clone(), operation };
        self.measures.operations.get_or_create(&labels).inc();
        // There from the first operation on: a share of failures needs both.
        drop(self.measures.failures.get_or_create(&labels));
        Running { measures: self.measures.clone(), labels, begin: Instant::now(), succeeded: AtomicBool::new(false) }
    }
}

/// Objects are put whole: parts would neither be counted nor be durable.
pub(super) fn only_whole() -> Error {
    Error::NotSupported { source: "objects are put whole, not in parts".into() }
}

#[async_trait]
impl ObjectStore for Measured {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let running = self.begin(if opts.mode == PutMode::Create { "upload_if_absent" } else { "upload" });
        let bytes = payload.content_length() as u64;
        let result = running.watch(self.store.put_opts(location, payload, opts).await);
        if result.is_ok() {
            running.measures.sent.get_or_create(&running.labels).inc_by(bytes);
        }
        result
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(only_whole())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let running = self.begin(match (options.head, &options.range) {
            (true, _) => "attributes",
            (false, Some(_)) => "get_range",
            (false, None) => "get",
        });
        let head = options.head;
        let mut result = running.watch(self.store.get_opts(location, options).await)?;
        if head {
            return Ok(result);
        }
        result.payload = match result.payload {
            GetResultPayload::Stream(stream) => GetResultPayload::Stream(
                stream
                    .inspect(move |part| match part {
                        Ok(bytes) => running.received(bytes.len() as u64),
                        Err(error) => running.failed(error),
                    })
                    .boxed(),
            ),
            file => {
                running.received(result.range.end - result.range.start);
                file
            }
        };
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let running = self.begin("get_range");
        let parts = running.watch(self.store.get_ranges(location, ranges).await)?;
        running.received(parts.iter().map(|part| part.len() as u64).sum());
        Ok(parts)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.begin("delete").over(self.store.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.begin(ITER).over(self.store.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.begin(ITER).over(self.store.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let running = self.begin(ITER);
        running.watch(self.store.list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let running = self.begin("copy");
        running.watch(self.store.copy_opts(from, to, options).await)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let running = self.begin("rename");
        running.watch(self.store.rename_opts(from, to, options).await)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

// === impl Measures ===

impl Measures {
    /// The metrics of the bucket whose context this is; its label is the resource's name.
    pub(super) fn new(context: &Context) -> Self {
        let metrics: &Metrics = &context.metrics;
        let counters = |name: &str, help: &str| metrics.register(name, help, Family::<Labels, Counter>::default());
        let seconds: Family<Labels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        Self {
            bucket: resource(&context.place).into(),
            operations: counters("thanos_objstore_bucket_operations", "Operations on a bucket"),
            failures: counters("thanos_objstore_bucket_operation_failures", "Operations on a bucket that failed"),
            seconds: metrics.register(
                "thanos_objstore_bucket_operation_duration_seconds",
                "How long operations on a bucket took that succeeded, with their repetitions; listings are not among them",
                seconds,
            ),
            sent: counters("weir_bucket_sent_bytes", "Contents of objects put into a bucket"),
            received: counters("thanos_objstore_bucket_operation_fetched_bytes", "Contents of objects read from a bucket"),
        }
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measures({})", self.bucket)
    }
}

/// The name of the resource at a place such as `resources.main.bucket`; other places stand for themselves.
pub(super) fn resource(place: &str) -> &str {
    place.strip_prefix("resources.").and_then(|rest| rest.rsplit_once('.')).map_or(place, |(name, _)| name)
}

// === impl Running ===

impl Running {
    fn watch<T>(&self, result: Result<T>) -> Result<T> {
        self.succeeded.store(result.is_ok(), Ordering::Relaxed);
        result.inspect_err(|error| self.failed(error))
    }

    fn failed(&self, error: &Error) {
        self.succeeded.store(false, Ordering::Relaxed);
        if !matches!(error, Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::NotModified { .. }) {
            self.measures.failures.get_or_create(&self.labels).inc();
        }
    }

    fn received(&self, bytes: u64) {
        self.measures.received.get_or_create(&self.labels).inc_by(bytes);
    }

    /// The operation goes on until the stream ends.
    fn over<T: Send + 'static>(self, stream: BoxStream<'static, Result<T>>) -> BoxStream<'static, Result<T>> {
        self.succeeded.store(true, Ordering::Relaxed);
        let watch = move |item: &Result<T>| {
            if let Err(error) = item {
                self.failed(error);
            }
        };
        stream.inspect(watch).boxed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who goes away before the answer leaves it open whether there is one.
        if self.succeeded.load(Ordering::Relaxed) && self.labels.operation != ITER {
            self.measures.seconds.get_or_create(&self.labels).observe(self.begin.elapsed().as_secs_f64());
        }
    }
}

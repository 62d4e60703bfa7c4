//! The part of the work that `delta_kernel` does: it loads checkpoints, commits, and writes checkpoints.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType as ArrowType, Field, Fields, Schema};
use arrow::error::ArrowError;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::scan::{StatsOptions, scan_row_schema};
use delta_kernel::schema::StructField;
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel::{KernelError, KernelResult, Snapshot, SnapshotRef};
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use object_store::ObjectStore;
use tokio::runtime::Handle;
use weir_pipeline::{Error, Result};

use super::Version;
use super::executor::Threads;
use super::known::Known;
use super::log::MARK;
use super::row::{File, Stats};

/// The table, from where the engine sees it. Of `file` the engine sorts listings, which a local directory needs.
const TABLE: &str = "file:///";

/// Who commits.
const ENGINE: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// So many columns a table may have: each change of them writes all into the log.
const COLUMNS: usize = 512;

/// The kernel for one table.
#[derive(Clone)]
pub(super) struct Kernel(Arc<DefaultEngine<Threads>>);

/// One attempt to commit.
pub(super) struct Attempt {
    pub(super) add: Vec<File>,
    pub(super) remove: Vec<File>,
    pub(super) transaction: Option<(String, i64)>,
    pub(super) data_change: bool,
    pub(super) columns: Vec<StructField>,
    pub(super) mark: String,
}

/// What became of it.
pub(super) enum Attempted {
    /// It is this version.
    Done(Version, Option<SnapshotRef>),
    /// Somebody else was faster.
    Conflict,
    /// The bucket failed; it may have happened.
    Unclear,
}

// === impl Kernel ===

impl Kernel {
    /// For a table at the root of `store`.
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        let threads = Arc::new(Threads(Handle::current()));
        Self(Arc::new(DefaultEngineBuilder::new(store).with_task_executor(threads).build()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DefaultEngine<Threads>) -> KernelResult<T> + Send + 'static,
    ) -> Result<T> {
        Self::run_on(self.0.clone(), work).await
    }

    async fn run_on<T: Send + 'static>(
        engine: Arc<DefaultEngine<Threads>>,
        work: impl FnOnce(&DefaultEngine<Threads>) -> KernelResult<T> + Send + 'static,
    ) -> Result<T> {
        match tokio::task::spawn_blocking(move || work(&engine)).await {
            Ok(result) => result.map_err(|e| failed(&e)),
            Err(lost) if lost.is_cancelled() => Err(Error::closed()),
            Err(lost) => Err(Error::internal("the kernel of the catalog failed").with_source(lost)),
        }
    }

    /// A version and its files: that of a checkpoint, which needs no commits to be read, or else the newest one.
    pub(super) async fn load(&self, checkpoint: Option<Version>) -> Result<(SnapshotRef, Vec<File>)> {
        self.run(move |engine| {
            let at = checkpoint.map(|version| Snapshot::builder_for(TABLE).at_version(version).build(engine));
            let snapshot = match at {
                Some(Ok(snapshot)) => snapshot,
                Some(Err(error)) if is_of_bucket(&error) => return Err(error),
                _ => Snapshot::builder_for(TABLE).build(engine)?,
            };
            let files = scan(&snapshot, engine)?;
            Ok((snapshot, files))
        })
        .await
    }

    /// As [`load`](Self::load), a checkpoint of which all is known that a listing would say.
    pub(super) async fn load_known(known: Known, version: Version) -> Result<(SnapshotRef, Vec<File>)> {
        Self::run_on(Self::new(Arc::new(known)).0, move |engine| {
            let snapshot = Snapshot::builder_for(TABLE).at_version(version).build(engine)?;
            let files = scan(&snapshot, engine)?;
            Ok((snapshot, files))
        })
        .await
    }

    /// A certain version, from an older one where there is one.
    pub(super) async fn at(&self, old: Option<SnapshotRef>, version: Version) -> Result<SnapshotRef> {
        self.run(move |engine| match old {
            Some(old) if old.version() == version => Ok(old),
            Some(old) if old.version() < version => Snapshot::builder_from(old).at_version(version).build(engine),
            _ => Snapshot::builder_for(TABLE).at_version(version).build(engine),
        })
        .await
    }

    /// The number of the last transaction of that name.
    pub(super) async fn transaction(&self, snapshot: SnapshotRef, app: String) -> Result<Option<i64>> {
        self.run(move |engine| snapshot.get_app_id_version(&app, engine)).await
    }

    /// Tries to commit the version after `snapshot`.
    pub(super) async fn commit(&self, snapshot: SnapshotRef, attempt: Attempt) -> Result<Attempted> {
        self.run(move |engine| {
            let Attempt { add, remove, transaction, data_change, columns, mark } = attempt;
            let operation = if data_change { UpdateTableOperation::Write } else { UpdateTableOperation::Optimize };
            let new = new_columns(&snapshot, columns);
            let mut builder =
                snapshot.update_table(operation, ENGINE, data_change).with_operation_parameters([(MARK, Some(mark))]);
            for column in new {
                builder = builder.add_column(column);
            }
            if let Some((app, number)) = transaction {
                builder = builder.with_transaction_id(app, number);
            }
            let mut transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
            if !add.is_empty() {
                transaction.add_files(Box::new(ArrowEngineData::new(added(&add)?)));
            }
            if !remove.is_empty() {
                let rows = Box::new(ArrowEngineData::new(removed(&remove)?));
                transaction.remove_files(FilteredEngineData::with_all_rows_selected(rows));
            }
            match transaction.commit(engine) {
                Ok(CommitResult::Committed(done)) => {
                    Ok(Attempted::Done(done.commit_version(), done.post_commit_snapshot().cloned()))
                }
                Ok(CommitResult::Conflicted(_)) => Ok(Attempted::Conflict),
                Ok(CommitResult::Retryable(_)) => Ok(Attempted::Unclear),
                Err(error) if is_of_bucket(&error) => Ok(Attempted::Unclear),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Writes a checkpoint. What comes after it builds on the snapshot that this returns, not on all commits before it.
    pub(super) async fn checkpoint(&self, snapshot: SnapshotRef) -> Result<SnapshotRef> {
        self.run(move |engine| Ok(snapshot.checkpoint(engine, None)?.1)).await
    }
}

/// The files of a version.
fn scan(snapshot: &SnapshotRef, engine: &DefaultEngine<Threads>) -> KernelResult<Vec<File>> {
    let scan = snapshot.clone().scan_builder().with_stats(StatsOptions::none()).build()?;
    let mut files = Vec::new();
    for part in scan.scan_metadata(engine)? {
        files = part?.visit_scan_files(files, |files, file| {
            let (path, partition) = (file.path, file.partition_values);
            files.push(File { path, size: file.size, partition, stats: Stats::default() });
        })?;
    }
    Ok(files)
}

/// The columns that the table does not have yet, and can have: Delta tells names apart without regard to case.
fn new_columns(snapshot: &Snapshot, columns: Vec<StructField>) -> Vec<StructField> {
    let mut known: HashSet<String> = snapshot.schema().fields().map(|field| field.name().to_lowercase()).collect();
    let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let new = |column: &StructField| {
        is_plain(column.name()) && known.len() < COLUMNS && known.insert(column.name().to_lowercase())
    };
    columns.into_iter().filter(new).collect()
}

fn is_of_bucket(error: &KernelError) -> bool {
    match error {
        KernelError::Backtraced { source, .. } => is_of_bucket(source),
        KernelError::ObjectStore(_) | KernelError::IOError(_) => true,
        _ => false,
    }
}

/// The error of the kernel. What a bucket says is not told: some repeat the whole request, with its token.
fn failed(error: &KernelError) -> Error {
    if is_of_bucket(error) {
        return Error::unavailable("the bucket can't be asked for the catalog's log");
    }
    tracing::debug!(%error, "the kernel of the catalog failed");
    Error::internal(format!("the catalog's log can't be used: {}", super::entry::shown(&error.to_string())))
}

/// A map of texts for each file.
fn maps(files: &[File]) -> Result<ArrayRef, ArrowError> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        for (name, value) in &file.partition {
            maps.keys().append_value(name);
            maps.values().append_value(value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}

fn paths(files: &[File]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.path)))
}

fn numbers(files: &[File], number: impl Fn(&File) -> Option<i64>) -> ArrayRef {
    Arc::new(files.iter().map(number).collect::<Int64Array>())
}

/// A struct of the columns, all nullable.
fn columns(columns: Vec<(&str, ArrayRef)>) -> Result<ArrayRef, ArrowError> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Ok(Arc::new(StructArray::try_new(fields, arrays, None)?))
}

/// Files as the kernel wants those that come.
fn added(files: &[File]) -> Result<RecordBatch, ArrowError> {
    let mut stats = vec![("numRecords", numbers(files, |file| Some(file.stats.rows)))];
    if files.iter().all(|file| file.stats.ts.is_some()) {
        let min = columns(vec![("ts", numbers(files, |file| file.stats.ts.map(|(min, _)| min)))])?;
        let max = columns(vec![("ts", numbers(files, |file| file.stats.ts.map(|(_, max)| max)))])?;
        stats.extend([("minValues", min), ("maxValues", max)]);
    }
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("path", paths(files), false),
        ("partitionValues", maps(files)?, false),
        ("size", numbers(files, |file| Some(file.size)), false),
        ("modificationTime", numbers(files, |file| Some(file.made())), false),
        ("stats", columns(stats)?, true),
    ])?;
    Ok(batch)
}

/// Files as the kernel wants those that go: as its scan would show them.
fn removed(files: &[File]) -> Result<RecordBatch, KernelError> {
    let schema: Schema = scan_row_schema().as_ref().try_into_arrow()?;
    let known: HashMap<&str, ArrayRef> = HashMap::from([
        ("path", paths(files)),
        ("size", numbers(files, |file| Some(file.size))),
        ("modificationTime", numbers(files, |file| Some(file.made()))),
    ]);
    let partition = maps(files)?;
    let column = |field: &Field| -> Result<ArrayRef, ArrowError> {
        if let Some(array) = known.get(field.name().as_str()) {
            return Ok(array.clone());
        }
        match field.data_type() {
            ArrowType::Struct(inner) if field.name() == "fileConstantValues" => {
                let array = |field: &Arc<Field>| {
                    if field.name() == "partitionValues" {
                        return arrow::compute::cast(&partition, field.data_type());
                    }
                    Ok(arrow::array::new_null_array(field.data_type(), files.len()))
                };
                let arrays = inner.iter().map(array).collect::<Result<_, _>>()?;
                Ok(Arc::new(StructArray::try_new(inner.clone(), arrays, None)?))
            }
            kind => Ok(arrow::array::new_null_array(kind, files.len())),
        }
    };
    let arrays = schema.fields().iter().map(|field| column(field)).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(Arc::new(schema), arrays)?)
}

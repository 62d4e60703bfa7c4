//! The columns that the tables tell others, and the first commit of a table.

use arrow::datatypes::{DataType as ArrowType, Field};
use arrow::error::ArrowError;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::schema::{DataType, StructField};
use serde_json::{Value, json};
use ulid::Ulid;
use weir_pipeline::{Error, Result};

use crate::block::{self, Beside};
use crate::extras::Summary;

/// What stands before a label's name in the name of its column of the series file.
const LABEL: &str = "l_";

/// The columns of a table.
pub(super) struct Shape {
    columns: &'static [(&'static str, Kind)],
    partition: &'static [&'static str],
    /// The columns that have statistics.
    stats: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Plain(&'static str),
    List(&'static str),
    Texts,
}

use Kind::{List, Plain, Texts};

/// Columns of the samples files. Delta has no unsigned numbers: they get the next longer type.
pub(super) static SAMPLES: Shape = Shape {
    columns: &[
        ("series_ref", Plain("long")),
        ("ts", Plain("long")),
        ("mant", Plain("long")),
        ("scale", Plain("byte")),
        ("val", Plain("double")),
        ("block", Plain("string")),
        ("entry", Plain("string")),
    ],
    partition: &["block", "entry"],
    stats: "ts",
};

/// Columns of the series files.
pub(super) static SERIES: Shape = Shape {
    columns: &[
        ("series_ref", Plain("long")),
        ("series_id", Plain("binary")),
        ("metric", Plain("string")),
        ("kind", Plain("short")),
        ("min_ts", Plain("long")),
        ("max_ts", Plain("long")),
        ("runs", List("long")),
        ("labels_rest", Texts),
        ("resolution", Plain("string")),
        ("block", Plain("string")),
    ],
    partition: &["resolution", "block"],
    stats: "series_ref",
};

/// The column of a label in the table of series files.
pub(super) fn label(name: &str) -> StructField {
    StructField::nullable(format!("{LABEL}{name}"), DataType::STRING)
}

/// The columns that the table of samples files has once a block comes that has more than floats.
///
/// # Errors
/// Delta Lake has no such types.
pub(super) fn beside_floats(beside: Beside) -> Result<Vec<StructField>> {
    told(block::beside_floats(beside))
}

/// The columns that the table of series files has once a block comes that has these.
///
/// # Errors
/// Delta Lake has no such types.
pub(super) fn extras(summary: Summary) -> Result<Vec<StructField>> {
    told(block::extras::fields(summary))
}

fn told(fields: Vec<Field>) -> Result<Vec<StructField>> {
    let column = |field: Field| match field.data_type() {
        // How texts are encoded is the file's business.
        ArrowType::Dictionary(..) => Ok(StructField::nullable(field.name(), DataType::STRING)),
        _ => (&field).try_into_kernel(),
    };
    let columns = fields.into_iter().map(column).collect::<Result<_, ArrowError>>();
    columns.map_err(|e| Error::internal("a column can't be told to others").with_source(e))
}

/// How long removed files stay in checkpoints, as long as the bucket may keep them: outside tools rely on them to tell files that went from such as never
/// belonged. `delta.logRetentionDuration` is told too, but it is Weir that removes.
const REMOVED: &str = "interval 7 days";

// === impl Shape ===

impl Shape {
    /// The first commit of such a table, as reader version 1 and writer version 2 have it: everybody reads that.
    pub(super) fn first_commit(&self, now: i64) -> String {
        let id = format!("{:032x}", Ulid::generate().0);
        let cut = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
        let id = [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-");
        let fields: Vec<Value> = self.columns.iter().map(|(name, kind)| kind.field(name)).collect();
        let schema = json!({ "type": "struct", "fields": fields }).to_string();
        let info = json!({ "commitInfo": {
            "timestamp": now, "operation": "CREATE TABLE", "operationParameters": {},
            "engineInfo": concat!("weir/", env!("CARGO_PKG_VERSION")),
        } });
        let protocol = json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } });
        let metadata = json!({ "metaData": {
            "id": id, "format": { "provider": "parquet", "options": {} }, "schemaString": schema,
            "partitionColumns": self.partition, "createdTime": now,
            "configuration": {
                "delta.dataSkippingStatsColumns": self.stats,
                "delta.deletedFileRetentionDuration": REMOVED,
                "delta.enableExpiredLogCleanup": "false",
            },
        } });
        [info, protocol, metadata].map(|action| action.to_string() + "\n").concat()
    }
}

// === impl Kind ===

impl Kind {
    fn field(self, name: &str) -> Value {
        let kind = match self {
            Plain(kind) => json!(kind),
            List(kind) => json!({ "type": "array", "elementType": kind, "containsNull": true }),
            Texts => {
                json!({ "type": "map", "keyType": "string", "valueType": "string", "valueContainsNull": true })
            }
        };
        json!({ "name": name, "type": kind, "nullable": true, "metadata": {} })
    }
}

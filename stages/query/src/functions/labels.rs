//! Functions over canonical labels: `promql_by(labels, 'a', …)`, `promql_without(labels, 'a', …)` and
//! `promql_key(labels)`, the stable 128-bit hash that groups and matches meet on.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BinaryBuilder, FixedSizeBinaryBuilder};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_binary_array;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use weir_pipeline::labels::{METRIC, encode_label};
use weir_pipeline::{Labels, SeriesId};

/// `promql_by` and `promql_without`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Select {
    without: bool,
    signature: Signature,
}

/// `promql_key`
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    signature: Signature,
}

/// The functions of this file.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let select = |without| Select { without, signature: Signature::variadic_any(Volatility::Immutable) };
    let key = Key { signature: Signature::any(1, Volatility::Immutable) };
    vec![
        Arc::new(ScalarUDF::new_from_impl(select(false))),
        Arc::new(ScalarUDF::new_from_impl(select(true))),
        Arc::new(ScalarUDF::new_from_impl(key)),
    ]
}

/// Whether a label says what the metric is: these go where a result is no longer the metric.
pub(crate) fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC | "__type__" | "__unit__")
}

/// Appends the canonical encoding of those labels that are among `names`.
pub(crate) fn labels_by(labels: Labels<'_>, names: &[String], out: &mut Vec<u8>) {
    for (name, value) in labels {
        if names.iter().any(|n| n == name) {
            encode_label(name, value, out);
        }
    }
}

/// Appends the canonical encoding of those labels that are not among `names`, without the metric's name.
pub(crate) fn labels_without(labels: Labels<'_>, names: &[String], out: &mut Vec<u8>) {
    for (name, value) in labels {
        if name != METRIC && !names.iter().any(|n| n == name) {
            encode_label(name, value, out);
        }
    }
}

/// The key of a label set: where keys meet, whoever merges compares the labels.
pub(crate) fn key_of(encoded: &[u8]) -> [u8; 16] {
    SeriesId::of(encoded).0
}

// === impl Select ===

impl ScalarUDFImpl for Select {
    fn name(&self) -> &str {
        if self.without { "promql_without" } else { "promql_by" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [DataType::Binary, ..] => Ok(DataType::Binary),
            _ => plan_err!("{} takes labels and names of labels", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((labels, names)) = args.args.split_first() else { return exec_err!("{} takes labels", self.name()) };
        let names = names.iter().map(name_of).collect::<Result<Vec<_>>>()?;
        let labels = labels.to_array(args.number_rows)?;
        let labels: &BinaryArray = as_binary_array(&labels)?;
        let mut out = BinaryBuilder::with_capacity(labels.len(), labels.value_data().len());
        let mut encoded = Vec::new();
        for row in labels {
            encoded.clear();
            let row = Labels::from_canonical(row.unwrap_or_default());
            if self.without {
                labels_without(row, &names, &mut encoded);
            } else {
                labels_by(row, &names, &mut encoded);
            }
            out.append_value(&encoded);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

fn name_of(arg: &ColumnarValue) -> Result<String> {
    match arg {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))) => Ok(name.clone()),
        _ => exec_err!("expected the name of a label as a literal"),
    }
}

// === impl Key ===

impl ScalarUDFImpl for Key {
    fn name(&self) -> &str {
        "promql_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [DataType::Binary] => Ok(DataType::FixedSizeBinary(16)),
            _ => plan_err!("promql_key takes labels"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(labels) = args.args.first() else { return exec_err!("promql_key takes labels") };
        let labels = labels.to_array(args.number_rows)?;
        let labels: &BinaryArray = as_binary_array(&labels)?;
        let mut out = FixedSizeBinaryBuilder::with_capacity(labels.len(), 16);
        for row in labels {
            out.append_value(key_of(row.unwrap_or_default()))?;
        }
        let out: ArrayRef = Arc::new(out.finish());
        Ok(ColumnarValue::Array(out))
    }
}

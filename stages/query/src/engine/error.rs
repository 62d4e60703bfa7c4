//! What DataFusion's errors are to the asker.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use weir_pipeline::Error;

/// The error of an operator as it was made, or a fault of the program.
pub(super) fn to_error(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => match source.downcast_ref::<DataFusionError>() {
                Some(error) => to_error(error),
                None => Error::internal(format!("the query failed: {source}")),
            },
        },
        DataFusionError::ArrowError(source, _) => match &**source {
            ArrowError::ExternalError(source) if source.is::<Error>() => {
                source.downcast_ref::<Error>().cloned().unwrap_or_else(|| Error::internal("the query failed"))
            }
            other => Error::internal(format!("the query failed: {other}")),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => to_error(inner),
        DataFusionError::Shared(inner) => to_error(inner),
        DataFusionError::Collection(errors) if !errors.is_empty() => to_error(&errors[0]),
        other => Error::internal(format!("the query failed: {other}")),
    }
}

/// A size in the greatest unit that it is a whole number of.
pub(super) fn bytes(size: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| size > 0 && size.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{}{unit}", size >> shift),
        None => format!("{size}B"),
    }
}

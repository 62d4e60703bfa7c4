//! What DataFusion's errors are to the asker.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use weir_pipeline::Error;

/// The error of an operator as it was made, or a fault of the program.
pub(super) fn to_error(error: &DataFusionError) -> Error {
    innermost(error).unwrap_or_else(|other| Error::internal(format!("the query failed: {other}")))
}

/// The error of an operator as it was made, or else DataFusion's own, without what is around it.
pub(crate) fn innermost(error: &DataFusionError) -> Result<Error, &DataFusionError> {
    match error {
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(error) => Ok(error.clone()),
            None => source.downcast_ref::<DataFusionError>().map_or(Err(error), innermost),
        },
        DataFusionError::ArrowError(source, _) => match &**source {
            ArrowError::ExternalError(source) => match source.downcast_ref::<Error>() {
                Some(error) => Ok(error.clone()),
                None => source.downcast_ref::<DataFusionError>().map_or(Err(error), innermost),
            },
            _ => Err(error),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => innermost(inner),
        DataFusionError::Shared(inner) => innermost(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(Err(error), innermost),
        other => Err(other),
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

//! What aggregates keep between partitions: lists of numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef};
use datafusion::common::cast::{as_list_array, as_primitive_array};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::utils::format_state_name;

/// The field of a list that the aggregate `name` keeps.
pub(super) fn field(name: &str, list: &str, item: DataType) -> FieldRef {
    let item = Arc::new(Field::new_list_field(item, true));
    Arc::new(Field::new(format_state_name(name, list), DataType::List(item), true))
}

/// A list as what is kept.
pub(super) fn scalar<T: ArrowPrimitiveType>(numbers: &[T::Native]) -> Result<ScalarValue> {
    let values = PrimitiveArray::<T>::from_iter_values(numbers.iter().copied());
    let item = Arc::new(Field::new_list_field(T::DATA_TYPE, true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?)))
}

/// The list of each row, empty where there is none.
pub(super) fn rows<T: ArrowPrimitiveType>(lists: &ArrayRef) -> Result<Vec<Vec<T::Native>>> {
    let lists: &ListArray = as_list_array(lists)?;
    let of_row = |row: usize| {
        if lists.is_null(row) {
            return Ok(Vec::new());
        }
        let list = lists.value(row);
        Ok(as_primitive_array::<T>(&list)?.values().to_vec())
    };
    (0..lists.len()).map(of_row).collect()
}

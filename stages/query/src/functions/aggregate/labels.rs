//! `promql_labels(labels)`: the labels of a group. All rows of a group must have the same: the key that brought them
//! together is a hash, and a forged collision must not mix two groups.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::as_binary_array;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use weir_pipeline::Labels;

use super::{OneGroup, is_kept};

#[derive(Debug, PartialEq, Eq, Hash)]
struct SameLabels {
    signature: Signature,
}

#[derive(Debug, Default)]
struct LabelGroups {
    labels: Vec<Option<Box<[u8]>>>,
    bytes: usize,
}

/// The aggregation of this file.
pub(super) fn function() -> AggregateUDF {
    let signature = Signature::exact(vec![DataType::Binary], Volatility::Immutable);
    AggregateUDF::new_from_impl(SameLabels { signature })
}

// === impl SameLabels ===

impl AggregateUDFImpl for SameLabels {
    fn name(&self) -> &str {
        "promql_labels"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[labels]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(Box::<LabelGroups>::default())))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::<LabelGroups>::default())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

// === impl LabelGroups ===

impl LabelGroups {
    fn take_in(&mut self, group: usize, labels: &[u8]) -> Result<()> {
        match self.labels.get_mut(group) {
            Some(Some(own)) if **own != *labels => {
                let (own, labels) = (Labels::from_canonical(own), Labels::from_canonical(labels));
                exec_err!("the label sets {own} and {labels} have the same hash")
            }
            Some(own @ None) => {
                self.bytes += labels.len();
                *own = Some(labels.into());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl GroupsAccumulator for LabelGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.labels.resize(total, None);
        let [values] = values else { return exec_err!("expected one argument, got {}", values.len()) };
        let values = as_binary_array(values)?;
        for (row, (&group, labels)) in groups.iter().zip(values).enumerate() {
            if let Some(labels) = labels.filter(|_| is_kept(filter, row)) {
                self.take_in(group, labels)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let taken = emit.take_needed(&mut self.labels);
        self.bytes -= taken.iter().flatten().map(|labels| labels.len()).sum::<usize>();
        Ok(Arc::new(taken.iter().map(Option::as_deref).collect::<BinaryArray>()))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(values, groups, None, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(_) = filter else { return Ok(values.to_vec()) };
        let [values] = values else { return exec_err!("expected one argument, got {}", values.len()) };
        let values = as_binary_array(values)?;
        let kept = (0..values.len()).map(|row| is_kept(filter, row).then(|| values.value(row)));
        Ok(vec![Arc::new(kept.collect::<BinaryArray>())])
    }

    fn size(&self) -> usize {
        self.bytes + self.labels.capacity() * size_of::<Option<Box<[u8]>>>()
    }
}

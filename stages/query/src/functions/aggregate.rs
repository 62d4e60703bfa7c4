//! Aggregations over step vectors: element by element, for all groups at once.
//!
//! What differs from one to the next is a [`Fold`]; [`StepAggregate`] makes a DataFusion aggregation of it, whose partial
//! states merge in any order.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::exec::steps::{self, StepColumn};

mod avg;
mod count;
mod extreme;
mod labels;
mod sum;

/// What an aggregation does to one element.
trait Fold: Debug + PartialEq + Eq + Hash + Send + Sync + 'static {
    /// The name of the DataFusion function.
    const NAME: &'static str;
    /// What its state is called, number by number.
    const STATE: &'static [&'static str];
    /// What is kept of the values so far.
    type State: Copy + Default + Debug + Send + Sync;

    /// The state after the first value.
    fn of(value: f64) -> Self::State;
    /// Takes in another state.
    fn merge(state: &mut Self::State, other: Self::State);
    /// The result.
    fn result(state: Self::State) -> f64;
    /// Number `i` of the state.
    fn save(state: Self::State, i: usize) -> f64;
    /// The state from its numbers.
    fn load(numbers: impl Fn(usize) -> f64) -> Self::State;
}

/// The DataFusion aggregation of a [`Fold`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct StepAggregate<F> {
    signature: Signature,
    fold: PhantomData<F>,
}

/// The states of all groups: element `step` of group `g` is at `g * steps + step`.
#[derive(Debug)]
struct StepGroups<F: Fold> {
    states: Vec<F::State>,
    seen: Vec<bool>,
    steps: usize,
}

/// An accumulator of a single group. The mutex is never contended: it is there since `Accumulator` asks for `Sync`.
struct OneGroup(Mutex<Box<dyn GroupsAccumulator>>);

/// All aggregations.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        Arc::new(function::<avg::Avg>()),
        Arc::new(function::<count::Count>()),
        Arc::new(function::<extreme::Max>()),
        Arc::new(function::<extreme::Min>()),
        Arc::new(function::<sum::Add>()),
        Arc::new(labels::function()),
    ]
}

fn function<F: Fold>() -> AggregateUDF {
    let signature = Signature::any(1, Volatility::Immutable);
    AggregateUDF::new_from_impl(StepAggregate::<F> { signature, fold: PhantomData })
}

fn steps_of(field: &FieldRef) -> Result<usize> {
    match field.data_type() {
        DataType::FixedSizeList(_, steps) if *steps > 0 => Ok(*steps as usize),
        other => exec_err!("expected step vectors, got `{other}`"),
    }
}

// === impl StepAggregate ===

impl<F: Fold> AggregateUDFImpl for StepAggregate<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [steps @ DataType::FixedSizeList(..)] => Ok(steps.clone()),
            _ => plan_err!("{} takes step vectors", F::NAME),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let data_type = args.return_field.data_type();
        let field = |state: &&str| Field::new(format!("{}[{state}]", args.name), data_type.clone(), true);
        Ok(F::STATE.iter().map(|state| Arc::new(field(state))).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(self.create_groups_accumulator(args)?)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let steps = steps_of(&args.return_field)?;
        Ok(Box::new(StepGroups::<F> { states: Vec::new(), seen: Vec::new(), steps }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

// === impl StepGroups ===

impl<F: Fold> StepGroups<F> {
    fn grow(&mut self, groups: usize) {
        self.states.resize(groups * self.steps, F::State::default());
        self.seen.resize(groups * self.steps, false);
    }

    /// Takes `state` into an element.
    fn take_in(&mut self, element: usize, state: F::State) {
        let (Some(own), Some(seen)) = (self.states.get_mut(element), self.seen.get_mut(element)) else { return };
        if *seen {
            F::merge(own, state);
        } else {
            (*own, *seen) = (state, true);
        }
    }

    /// Takes out the first groups, or all.
    fn take(&mut self, emit: EmitTo) -> (Vec<F::State>, Vec<bool>) {
        let emit = match emit {
            EmitTo::All => EmitTo::All,
            EmitTo::First(groups) => EmitTo::First(groups * self.steps),
        };
        (emit.take_needed(&mut self.states), emit.take_needed(&mut self.seen))
    }

    fn save(&self, states: &[F::State], seen: &[bool]) -> Result<Vec<ArrayRef>> {
        let column = |i| -> Result<ArrayRef> {
            let numbers = states.iter().map(|&state| F::save(state, i)).collect();
            Ok(Arc::new(steps::flat(self.steps, numbers, seen)?))
        };
        (0..F::STATE.len()).map(column).collect()
    }
}

fn single(values: &[ArrayRef]) -> Result<StepColumn<'_>> {
    match values {
        [values] => StepColumn::try_new(values),
        _ => exec_err!("expected one argument, got {}", values.len()),
    }
}

impl<F: Fold> GroupsAccumulator for StepGroups<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let column = single(values)?;
        for (row, &group) in groups.iter().enumerate().filter(|(row, _)| is_kept(filter, *row)) {
            for (step, value) in column.row(row).iter().enumerate() {
                if let Some(value) = value {
                    self.take_in(group * self.steps + step, F::of(value));
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (states, seen) = self.take(emit);
        Ok(Arc::new(steps::flat(self.steps, states.into_iter().map(F::result).collect(), &seen)?))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (states, seen) = self.take(emit);
        self.save(&states, &seen)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let columns = values.iter().map(StepColumn::try_new).collect::<Result<Vec<_>>>()?;
        let Some(first) = columns.first() else { return exec_err!("expected a state") };
        for (row, &group) in groups.iter().enumerate() {
            for step in (0..self.steps).filter(|&step| first.row(row).get(step).is_some()) {
                let number = |i: usize| columns.get(i).and_then(|c| c.row(row).get(step)).unwrap_or_default();
                self.take_in(group * self.steps + step, F::load(number));
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let column = single(values)?;
        let rows = column.values().len() / self.steps;
        let kept = |row: usize| column.row(row).iter().map(move |value| value.filter(|_| is_kept(filter, row)));
        let values: Vec<Option<f64>> = (0..rows).flat_map(kept).collect();
        let states: Vec<_> = values.iter().map(|value| value.map_or_else(F::State::default, F::of)).collect();
        self.save(&states, &values.iter().map(Option::is_some).collect::<Vec<_>>())
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<F::State>() + self.seen.capacity()
    }
}

fn is_kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

// === impl OneGroup ===

impl Debug for OneGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneGroup")
    }
}

impl OneGroup {
    fn new(groups: Box<dyn GroupsAccumulator>) -> Self {
        Self(Mutex::new(groups))
    }

    fn groups(&mut self) -> &mut dyn GroupsAccumulator {
        &mut **self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |values| values.len());
        self.groups().update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.groups().evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = self.groups().state(EmitTo::All)?;
        states.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |state| state.len());
        self.groups().merge_batch(states, &vec![0; rows], 1)
    }
}

#[cfg(test)]
mod tests;

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;

const STEPS: usize = 3;

fn groups<F: Fold>() -> StepGroups<F> {
    StepGroups { states: Vec::new(), seen: Vec::new(), steps: STEPS }
}

fn array(rows: &[[Option<f64>; STEPS]]) -> ArrayRef {
    let values: Vec<_> = rows.iter().flatten().map(|value| value.unwrap_or_default()).collect();
    let valid: Vec<_> = rows.iter().flatten().map(Option::is_some).collect();
    Arc::new(steps::flat(STEPS, values, &valid).unwrap())
}

fn shown(array: &ArrayRef) -> Vec<Option<f64>> {
    // Partial sums are compensated, and may still differ in the last bit.
    let round = |value: f64| (value * 1e9).round() / 1e9;
    let column = StepColumn::try_new(array).unwrap();
    column.values().iter().map(|value| value.map(round)).collect()
}

fn check<F: Fold>(rows: &[([Option<f64>; STEPS], usize)], cut: usize) {
    let total = 4;
    let (values, indices): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
    let mut whole = groups::<F>();
    whole.update_batch(&[array(&values)], &indices, None, total).unwrap();
    let wanted = shown(&whole.evaluate(EmitTo::All).unwrap());

    // Two partial aggregations, the states of the second made row by row, as where DataFusion skips it.
    let cut = cut.min(rows.len());
    let (mut first, mut merged) = (groups::<F>(), groups::<F>());
    first.update_batch(&[array(&values[..cut])], &indices[..cut], None, total).unwrap();
    let states = first.state(EmitTo::All).unwrap();
    merged.merge_batch(&states, &(0..total).collect::<Vec<_>>(), total).unwrap();
    let states = first.convert_to_state(&[array(&values[cut..])], None).unwrap();
    merged.merge_batch(&states, &indices[cut..], total).unwrap();

    // And taken out in two parts.
    let mut found = shown(&merged.evaluate(EmitTo::First(1)).unwrap());
    assert_eq!(merged.states.len(), (total - 1) * STEPS);
    found.extend(shown(&merged.evaluate(EmitTo::All).unwrap()));
    assert_eq!(found, wanted, "{}", F::NAME);
}

proptest! {
    #[test]
    fn partial_states_merge_to_the_whole(
        rows in prop::collection::vec((prop::array::uniform3(prop::option::of(-1e6..1e6)), 0usize..4), 0..20),
        cut in 0usize..20,
    ) {
        check::<sum::Add>(&rows, cut);
        check::<avg::Avg>(&rows, cut);
        check::<count::Count>(&rows, cut);
        check::<extreme::Min>(&rows, cut);
        check::<extreme::Max>(&rows, cut);
    }
}

#[test]
fn labels_of_a_group_are_the_same_or_an_error() {
    let labels = |texts: &[&str]| -> ArrayRef { Arc::new(arrow::array::BinaryArray::from_iter_values(texts)) };
    let accumulator = || {
        let function = labels::function();
        let field: FieldRef = Arc::new(Field::new("labels", DataType::Binary, true));
        let schema = arrow::datatypes::Schema::empty();
        function
            .create_groups_accumulator(AccumulatorArgs {
                return_field: field,
                schema: &schema,
                ignore_nulls: false,
                order_bys: &[],
                is_reversed: false,
                name: "labels",
                is_distinct: false,
                exprs: &[],
                expr_fields: &[],
            })
            .unwrap()
    };
    let mut same = accumulator();
    same.update_batch(&[labels(&["a", "b", "a"])], &[0, 1, 0], None, 2).unwrap();
    assert_eq!(same.evaluate(EmitTo::All).unwrap().len(), 2);
    let mut forged = accumulator();
    let error = forged.update_batch(&[labels(&["\u{1}a\u{1}b", "\u{1}a\u{1}c"])], &[0, 0], None, 1).unwrap_err();
    assert!(error.to_string().contains("the label sets {a=\"b\"} and {a=\"c\"} have the same hash"), "{error}");
}

//! What holds for all histograms. Counts are whole, so that sums are exact.

use proptest::prelude::*;

use super::*;

fn any_side() -> impl Strategy<Value = Buckets> {
    let span = (0_i32..4, prop::collection::vec(0_u32..9, 0..4));
    (-8_i32..8, prop::collection::vec(span, 0..4)).prop_map(|(first, runs)| {
        let mut side = Buckets::default();
        for (at, (gap, counts)) in runs.into_iter().enumerate() {
            let offset = if at == 0 { first } else { gap };
            side.spans.push(BucketSpan { offset, length: counts.len() as u32 });
            side.counts.extend(counts.into_iter().map(f64::from));
        }
        side
    })
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let zero = (prop_oneof![Just(0.0), Just(1e-128), 0.0..4.0], 0_u32..9);
    (-4_i32..=8, zero, any_side(), any_side()).prop_map(|(schema, (threshold, zero), positive, negative)| {
        let mut one = exponential(schema, (threshold, f64::from(zero)), positive, negative);
        // No bucket is inside its own histogram's zero bucket.
        let near = |bucket: Bucket| bucket.lower.abs().min(bucket.upper.abs());
        let nearest = bucket::positive(&one).chain(bucket::negative(&one)).map(near).fold(INF, f64::min);
        one.zero_threshold = one.zero_threshold.min(nearest);
        one
    })
}

/// A histogram of anything at all, valid or not.
fn any_bits() -> impl Strategy<Value = Histogram> {
    let spans = prop::collection::vec((-9_i32..9, 0_u32..9), 0..4);
    let side = (spans, prop::collection::vec(any::<f64>(), 0..9)).prop_map(|(spans, counts)| {
        let spans = spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect();
        Buckets { spans, counts }
    });
    let schema = prop_oneof![-60_i32..60, Just(CUSTOM_SCHEMA), any::<i32>()];
    let custom = prop::collection::vec(any::<f64>(), 0..5);
    (schema, any::<[f64; 4]>(), side.clone(), side, custom).prop_map(|(schema, numbers, positive, negative, custom)| {
        let [zero_threshold, zero_count, count, sum] = numbers;
        let reset = ResetHint::Unknown;
        Histogram { reset, schema, zero_threshold, zero_count, count, sum, positive, negative, custom }
    })
}

fn compacted(mut of: Histogram) -> Histogram {
    compact(&mut of, 0);
    of
}

proptest! {
    #[test]
    fn addition_commutes(one in any_histogram(), two in any_histogram()) {
        // A coarser bucket may reach into the zero bucket: then only the one that is added to keeps it.
        let two = Histogram { schema: one.schema, zero_threshold: 0.0, ..two };
        let (mut left, mut right) = (one.clone(), two.clone());
        add(&mut left, &two).unwrap();
        add(&mut right, &one).unwrap();
        prop_assert!(equals(&compacted(left), &compacted(right)));
    }

    #[test]
    fn what_is_added_can_be_subtracted(one in any_histogram(), two in any_histogram()) {
        let two = Histogram { schema: one.schema, zero_threshold: one.zero_threshold, ..two };
        let mut there = compacted(one);
        let back = there.clone();
        // What is inside the zero bucket is not added.
        add(&mut there, &two).unwrap();
        sub(&mut there, &two).unwrap();
        prop_assert!(equals(&compacted(there), &back));
    }

    #[test]
    fn a_compensated_sum_of_whole_counts_is_the_sum(all in prop::collection::vec(any_histogram(), 1..6)) {
        let mut plain = all[0].clone();
        let mut sum = CompensatedSum::new(plain.clone());
        for other in &all[1..] {
            add(&mut plain, other).unwrap();
            sum.add(other).unwrap();
        }
        prop_assert!(equals(&compacted(sum.total()), &compacted(plain)));
    }

    #[test]
    fn compaction_changes_no_bucket_and_is_done_once(one in any_histogram(), max_empty in 0_usize..4) {
        let mut compact_one = one.clone();
        compact(&mut compact_one, max_empty);
        prop_assert_eq!(nonempty(&compact_one), nonempty(&one));
        let once = compact_one.clone();
        compact(&mut compact_one, max_empty);
        prop_assert!(equals(&compact_one, &once));
    }

    #[test]
    fn twice_as_much_and_half_of_it_is_the_same(one in any_histogram()) {
        let mut changed = one.clone();
        scale(&mut changed, 2.0);
        scale(&mut changed, 0.5);
        prop_assert!(equals(&changed, &one));
        scale(&mut changed, 2.0);
        divide(&mut changed, 2.0);
        prop_assert!(equals(&changed, &one));
    }

    #[test]
    fn a_coarser_schema_keeps_all_observations(one in any_histogram(), by in 0_i32..4) {
        let mut coarse = one.clone();
        let to = (one.schema - by).max(-4);
        prop_assert!(reduce_schema(&mut coarse, to));
        let total = |of: &Histogram| of.positive.counts.iter().chain(&of.negative.counts).sum::<f64>();
        prop_assert_eq!(total(&coarse), total(&one));
        prop_assert!(!detect_reset(&coarse, &one));
    }

    #[test]
    fn a_quantile_lies_within_a_bucket(one in any_histogram(), q in 0.0..=1.0) {
        let found = quantile(q, &one, &mut Notes::default());
        let inside = |(lower, upper, _): (f64, f64, f64)| lower * (1.0 - 1e-12 * lower.signum()) <= found
            && found <= upper * (1.0 + 1e-12 * upper.signum());
        prop_assert!(one.count == 0.0 || nonempty(&one).into_iter().any(inside), "{}", found);
    }

    #[test]
    fn the_count_of_what_is_trimmed_is_that_of_its_buckets(one in any_histogram(), at in -10.0..10.0) {
        for trim in [trim_upper, trim_lower] {
            let mut left = one.clone();
            trim(&mut left, at);
            let total: f64 = nonempty(&left).iter().map(|(_, _, count)| count).sum();
            prop_assert!((left.count - total).abs() <= 1e-9 * total.max(1.0));
            prop_assert!(left.count <= one.count * (1.0 + 1e-12));
        }
    }

    #[test]
    fn nothing_panics_whatever_the_histogram(one in any_bits(), two in any_bits(), value in any::<f64>()) {
        let mut notes = Notes::default();
        let _sum = add(&mut one.clone(), &two);
        let _difference = sub(&mut one.clone(), &two);
        let mut average = CompensatedMean::new(one.clone());
        let _incompatible = average.add(&two);
        let _mean = average.mean();
        let mut changed = one.clone();
        compact(&mut changed, 2);
        reduce_schema(&mut changed, two.schema);
        trim_upper(&mut changed, value);
        trim_lower(&mut changed, -value);
        let _answers = (detect_reset(&one, &two), equals(&one, &two), validate(&one), variance(&one));
        let _numbers = (quantile(value, &one, &mut notes), fraction(-1.0, value, &one, &mut notes));
    }
}

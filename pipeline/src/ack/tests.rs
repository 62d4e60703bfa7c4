//! Tests of `ack`.

use proptest::prelude::*;

use super::*;

const REASONS: [&str; 3] = ["", "too_old", "limit"];

#[test]
fn the_law_is_samples_and_created_against_all_outcomes() {
    let mut ack = Ack::written(5).with(Outcome::Dropped, "filter", 2).with(Outcome::Absorbed, "dedup", 1);
    ack.reject("too_old", "up is too old", 3);
    ack.add(Outcome::Accepted, "", 4);
    assert_eq!(ack.total(), 15);
    assert!(ack.balances(15) && !ack.balances(14) && !ack.balances(16));
    ack.created = 2;
    assert!(ack.balances(13));
    assert!(Ack::default().balances(0) && !Ack::default().balances(1));
}

#[test]
fn counts_that_no_sum_can_hold_do_not_balance_by_overflow() {
    let mut ack = Ack::written(u64::MAX).with(Outcome::Dropped, "filter", 3);
    assert!(!ack.balances(2));
    ack.created = u64::MAX;
    assert!(ack.balances(3) && !ack.balances(2));
    ack.merge(ack.clone());
    assert_eq!(ack.count(Outcome::Written), u64::MAX);
}

#[test]
fn entries_of_one_outcome_reason_and_place_become_one() {
    let mut ack = Ack::default();
    ack.reject("too_old", "the first", 1);
    ack.reject("too_old", "the second", 2);
    ack.reject("limit", "another", 1);
    ack.add(Outcome::Dropped, "too_old", 1);
    assert_eq!(ack.entries().len(), 3);
    assert_eq!((ack.entries()[0].count, ack.entries()[0].detail.as_deref()), (3, Some("the first")));
    ack.push(Entry { place: Some("a.sink.blocks".into()), ..ack.entries()[0].clone() });
    assert_eq!(ack.entries().len(), 4);
}

#[test]
fn the_first_detail_stays_also_where_the_first_entry_has_none() {
    let mut ack = Ack::default().with(Outcome::Rejected, "too_old", 1);
    ack.reject("too_old", "up is too old", 1);
    assert_eq!(ack.entries()[0].detail.as_deref(), Some("up is too old"));
}

#[test]
fn what_is_rejected_is_counted_by_its_kind() {
    let counts = |floats, histograms, exemplars| Counts { floats, histograms, exemplars };
    let mut ack = Ack::written(9).with(Outcome::Dropped, "filter", 3);
    ack.reject("too_old", "up", 1);
    ack.reject_all("too_old", "h", counts(0, 2, 0));
    ack.reject_all("label_limit", "x", counts(4, 1, 5));
    // Nothing but exemplars is no entry: they are no samples.
    ack.reject_all("series_limit", "y", counts(0, 0, 7));
    assert_eq!((ack.rejected(), ack.count(Outcome::Rejected), ack.entries().len()), (counts(5, 3, 12), 8, 4));
    assert!(ack.balances(20));
}

#[test]
fn what_is_left_of_each_kind_is_never_less_than_nothing() {
    let counts = |floats, histograms, exemplars| Counts { floats, histograms, exemplars };
    let check = |rejected: Counts, left: Counts| assert_eq!(counts(3, 2, 1).without(rejected), left, "{rejected:?}");
    check(counts(1, 0, 0), counts(2, 2, 1));
    check(counts(0, 1, 0), counts(3, 1, 1));
    check(counts(0, 0, 1), counts(3, 2, 0));
    check(counts(9, 9, 9), counts(0, 0, 0));
    // Who does not tell kinds apart counts floats.
    check(counts(4, 0, 0), counts(0, 1, 1));
}

#[test]
fn every_reason_is_known_by_its_text() {
    assert!(reason::ALL.is_sorted_by(|a, b| a < b), "{:?}", reason::ALL);
    for text in reason::ALL.iter().chain([&""]) {
        assert_eq!(reason::known(text), Some(*text));
    }
    assert_eq!((reason::known("of_tomorrow"), reason::known("too_ol")), (None, None));
}

#[test]
fn nothing_is_counted_for_no_samples() {
    let mut ack = Ack::written(0).with(Outcome::Dropped, "filter", 0);
    ack.reject("too_old", "none", 0);
    assert_eq!(ack, Ack::default());
}

#[test]
fn each_outcome_has_a_name_of_its_own() {
    let names = Outcome::ALL.map(Outcome::as_str);
    assert_eq!(names, ["written", "accepted", "absorbed", "dropped", "rejected"]);
}

fn ack() -> impl Strategy<Value = Ack> {
    let entry = (0..Outcome::ALL.len(), 0..REASONS.len(), 0..1_000u64, any::<bool>());
    (prop::collection::vec(entry, 0..10), 0..100u64, 0..100u64).prop_map(|(entries, created, exemplars)| {
        let mut ack = Ack { created, exemplars, ..Ack::default() };
        for (outcome, reason, count, placed) in entries {
            let place = placed.then(|| "a.sink.blocks".into());
            ack.push(Entry {
                outcome: Outcome::ALL[outcome],
                reason: REASONS[reason],
                detail: None,
                place,
                count,
                histograms: count / 3,
            });
        }
        ack
    })
}

proptest! {
    #[test]
    fn what_is_merged_counts_what_both_counted(mut one in ack(), other in ack()) {
        let counts = |ack: &Ack| Outcome::ALL.map(|outcome| ack.count(outcome));
        let both: Vec<_> = counts(&one).into_iter().zip(counts(&other)).map(|(a, b)| a + b).collect();
        let (total, created) = (one.total() + other.total(), one.created + other.created);
        let rejected = one.rejected().and(other.rejected());
        one.merge(other);
        prop_assert_eq!(one.rejected(), rejected);
        prop_assert_eq!(counts(&one).to_vec(), both);
        prop_assert_eq!((one.total(), one.created), (total, created));
        prop_assert!(one.entries().iter().all(|e| e.count > 0));
    }
}

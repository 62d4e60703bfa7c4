#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use weir_pipeline::LabelSet;

use super::{compare, sort_key};

#[test]
fn metric_job_and_instance_come_before_other_labels() {
    let sorted: [&[(&str, &str)]; 8] = [
        &[],
        &[("a", "z")],
        &[("job", "a"), ("zone", "1")],
        &[("__name__", "m")],
        &[("__name__", "m"), ("job", "a"), ("instance", "2"), ("a", "9")],
        &[("__name__", "m"), ("job", "b"), ("instance", "1"), ("a", "1")],
        &[("__name__", "m"), ("job", "b"), ("instance", "1"), ("a", "1"), ("b", "1")],
        &[("__name__", "m"), ("job", "b"), ("instance", "1"), ("b", "0")],
    ];
    let sets = sorted.map(|labels| labels.iter().copied().collect::<LabelSet>());
    for (i, a) in sets.iter().enumerate() {
        for (j, b) in sets.iter().enumerate() {
            assert_eq!(compare(a.as_labels(), b.as_labels()), i.cmp(&j), "{a} {b}");
        }
    }
}

proptest! {
    #[test]
    fn sort_keys_compare_as_label_sets_do(
        a in prop::collection::btree_map("(__name__|job|instance|[a-c\0]{1,2})", "[a-c\0\u{1}]{1,3}", 0..5),
        b in prop::collection::btree_map("(__name__|job|instance|[a-c\0]{1,2})", "[a-c\0\u{1}]{1,3}", 0..5),
    ) {
        let set = |map: &std::collections::BTreeMap<String, String>| -> LabelSet {
            map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        };
        let key = |set: &LabelSet| {
            let mut key = Vec::new();
            sort_key(set.as_labels(), &mut key);
            key
        };
        let (a, b) = (set(&a), set(&b));
        prop_assert_eq!(key(&a).cmp(&key(&b)), compare(a.as_labels(), b.as_labels()), "{} {}", a, b);
    }
}

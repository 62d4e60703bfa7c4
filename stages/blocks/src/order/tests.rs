#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::LabelSet;

use super::compare;

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

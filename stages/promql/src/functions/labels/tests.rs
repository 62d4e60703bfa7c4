#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

#[track_caller]
fn check_replace(args: [&str; 4], wanted: Option<&[(&str, &str)]>) {
    let [destination, replacement, source, regex] = args;
    let function = LabelReplace::new(destination, replacement, source, regex).unwrap();
    let labels = set(&[("__name__", "m"), ("dst", "old"), ("src", "source-value-10")]);
    assert_eq!(function.apply(labels.as_labels()), wanted.map(set), "{args:?}");
}

#[test]
fn label_replace_matches_the_whole_value_and_expands_its_groups() {
    let to = |dst| [("__name__", "m"), ("dst", dst), ("src", "source-value-10")];
    check_replace(["dst", "value-$1", "src", "source-value-(.*)"], Some(&to("value-10")));
    check_replace(["dst", "value-$1", "src", "value-(.*)"], None);
    check_replace(["dst", "$1-value-$2", "src", "(.*)-value-(.*)"], Some(&to("source-value-10")));
    check_replace(["dst", "${n}x$$", "src", "source-value-(?P<n>.*)"], Some(&to("10x$")));
    check_replace(["dst", "$1x", "src", "source-value-(.*)"], Some(&[("__name__", "m"), ("src", "source-value-10")]));
}

#[test]
fn an_absent_source_is_empty_and_an_empty_destination_is_absent() {
    let gone = [("__name__", "m"), ("src", "source-value-10")];
    check_replace(["dst", "", "nonexistent", "(.*)"], Some(&gone));
    check_replace(["dst", "x", "nonexistent", "(.+)"], None);
    check_replace(["__name__", "n", "", ""], Some(&[("__name__", "n"), ("dst", "old"), ("src", "source-value-10")]));
}

#[test]
fn label_replace_says_what_is_wrong_as_prometheus_does() {
    let check = |dst, regex, wanted: &str| assert_eq!(LabelReplace::new(dst, "", "src", regex).unwrap_err(), wanted);
    check("dst", "(.*", "invalid regular expression in label_replace(): (.*");
    check("", "(.*", "invalid regular expression in label_replace(): (.*");
    check("", "(.*)", "invalid destination label name in label_replace(): ");
}

#[track_caller]
fn check_join(destination: &str, separator: &str, sources: &[&str], wanted: &[(&str, &str)]) {
    let sources = sources.iter().map(|&source| source.to_owned()).collect();
    let function = LabelJoin::new(destination, separator, sources).unwrap();
    let labels = set(&[("dst", "old"), ("src", "a"), ("src1", "b")]);
    assert_eq!(function.apply(labels.as_labels()), set(wanted));
}

#[test]
fn label_join_joins_all_values_in_order_and_takes_absent_ones_for_empty() {
    check_join("dst", "-", &["src1", "src"], &[("dst", "b-a"), ("src", "a"), ("src1", "b")]);
    check_join("dst", "-", &["src", "src3", "src1"], &[("dst", "a--b"), ("src", "a"), ("src1", "b")]);
    check_join("dst", "", &["emptysrc", "emptysrc1"], &[("src", "a"), ("src1", "b")]);
    check_join("dst", ", ", &[], &[("src", "a"), ("src1", "b")]);
    check_join("new", ", ", &["src"], &[("dst", "old"), ("new", "a"), ("src", "a"), ("src1", "b")]);
}

#[test]
fn label_join_says_what_is_wrong_as_prometheus_does() {
    let check = |dst, src: &str, wanted: &str| {
        assert_eq!(LabelJoin::new(dst, "", vec![src.to_owned()]).unwrap_err(), wanted);
    };
    check("", "src", "invalid destination label name in label_join(): ");
    check("", "", "invalid source label name in label_join(): ");
}

#[test]
fn sorting_leaves_nan_for_the_end() {
    let check = |descending, wanted: &[f64]| {
        let mut values = [f64::NAN, 100.0, f64::INFINITY, -1.0, f64::NAN, 0.0];
        values.sort_by(|a, b| by_value(*a, *b, descending));
        assert_eq!(values[..4], *wanted);
        assert!(values[4].is_nan() && values[5].is_nan());
    };
    check(false, &[-1.0, 0.0, 100.0, f64::INFINITY]);
    check(true, &[f64::INFINITY, 100.0, 0.0, -1.0]);
}

/// Texts that are in order.
#[track_caller]
fn check_natural(texts: &[&str]) {
    for (i, a) in texts.iter().enumerate() {
        for (j, b) in texts.iter().enumerate() {
            assert_eq!(natural(a, b), i.cmp(&j), "{a} and {b}");
        }
    }
}

#[test]
fn the_natural_order_takes_digits_for_numbers() {
    check_natural(&["0", "1", "2", "3", "10", "11", "12", "20", "21", "100"]);
    check_natural(&["4m5", "4m600", "4m1000"]);
    check_natural(&["1.2.3", "1.11.3", "1.111.3"]);
    check_natural(&["", "0.5", "1", "1.5", "a", "a1", "a01b", "a1b", "a2", "b"]);
    check_natural(&["007", "7", "8", "x"]);
    check_natural(&["99999999999999999999998", "99999999999999999999999"]);
    // What is too large for a number compares as text, and what stands between numbers as a whole.
    check_natural(&["99999999999999999999999", "a1", "a2", "a-1", "eth0", "eth1", "eth-0"]);
}

#[test]
fn sorting_by_labels_takes_the_rest_of_them_where_those_are_equal() {
    let series: Vec<_> = [("0", "canary", "api"), ("0", "production", "api"), ("1", "canary", "api"), ("10", "a", "b")]
        .iter()
        .map(|(instance, group, job)| set(&[("instance", instance), ("group", group), ("job", job)]))
        .collect();
    let check = |names: &[&str], descending, wanted: &[usize]| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut order = vec![3, 1, 2, 0];
        order.sort_by(|&a: &usize, &b| by_labels(series[a].as_labels(), series[b].as_labels(), &names, descending));
        assert_eq!(order, wanted);
    };
    check(&["instance", "group"], false, &[0, 1, 2, 3]);
    check(&["instance", "group"], true, &[3, 2, 1, 0]);
    check(&["group", "instance"], false, &[3, 0, 2, 1]);
    check(&["job"], false, &[0, 2, 1, 3]);
    check(&["job"], true, &[3, 1, 2, 0]);
    check(&["none"], false, &[3, 0, 2, 1]);
}

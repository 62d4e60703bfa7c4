//! Exemplars of points.

use weir_pipeline::{Exemplar, LabelSet};

use super::*;

/// An exemplar in a field of a point.
fn exemplar(field: u32, seconds: u64, value: Vec<u8>, others: &[(&str, &str)]) -> Vec<u8> {
    let others: Vec<_> = others.iter().map(|(name, value)| attribute(7, name, value)).collect();
    let (span, trace) = (sub(4, &[vec![0xab; 8]]), sub(5, &[vec![1; 16]]));
    sub(field, &[fixed(2, seconds * SECOND), value, span, trace, others.concat()])
}

fn expected(timestamp: i64, value: f64, others: &[(&str, &str)]) -> Exemplar {
    let ids = [("trace_id", "01010101010101010101010101010101"), ("span_id", "abababababababab")];
    let labels: LabelSet = ids.into_iter().chain(others.iter().copied()).collect();
    Exemplar { labels, value, timestamp }
}

/// The exemplars of the series that have any, by the name and the bound.
fn found(decoded: &Decoded) -> Vec<(String, Vec<Exemplar>)> {
    let name = |labels: weir_pipeline::Labels<'_>| {
        let bound = labels.get("le").map_or(String::new(), |bound| format!(" {bound}"));
        format!("{}{bound}", labels.metric())
    };
    let with = decoded.batch.iter().filter(|series| !series.exemplars.is_empty());
    with.map(|series| (name(series.labels), series.exemplars.to_vec())).collect()
}

#[test]
fn exemplars_go_with_the_series_of_their_point() {
    let own = [exemplar(5, 3, double(3, 0.5), &[("user", "x")]), exemplar(5, 4, fixed(6, -2i64 as u64), &[])];
    let point = sub(1, &[fixed(3, SECOND), double(4, 1.0), own.concat()]);
    let decoded = read(&request(&[], &[metric("a", "", sum(&[point], 2, true))]));
    let all = vec![expected(3000, 0.5, &[("user", "x")]), expected(4000, -2.0, &[])];
    assert_eq!(found(&decoded), [("a_total".to_owned(), all)]);
    assert_eq!(decoded.dropped_exemplars, 0);
}

#[test]
fn exemplars_of_a_histogram_go_with_their_buckets() {
    let counts: Vec<u8> = [1u64, 1, 1].iter().flat_map(|n| n.to_le_bytes()).collect();
    let bounds: Vec<u8> = [0.5f64, 10.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let own: Vec<_> = [20.0, 0.5, 0.6].iter().map(|value| exemplar(8, 1, double(3, *value), &[])).collect();
    let point = [fixed(3, SECOND), fixed(4, 3), sub(6, &[counts]), sub(7, &[bounds]), own.concat()];
    let decoded = read(&request(&[], &[metric("h", "", sub(9, &[sub(1, &point), int(2, 2)]))]));
    let one = |bound: &str, value| (format!("h_bucket {bound}"), vec![expected(1000, value, &[])]);
    assert_eq!(found(&decoded), [one("0.5", 0.5), one("10", 0.6), one("+Inf", 20.0)]);
    let point = [fixed(3, SECOND), exemplar(11, 1, double(3, 2.0), &[])];
    let decoded = read(&request(&[], &[metric("e", "", sub(10, &[sub(1, &point), int(2, 2)]))]));
    assert_eq!(found(&decoded), [("e".to_owned(), vec![expected(1000, 2.0, &[])])]);
}

#[test]
fn an_exemplar_that_says_too_much_keeps_its_ids() {
    let long = "x".repeat(100);
    let own = exemplar(5, 1, double(3, 1.0), &[("user", &long)]);
    let point = sub(1, &[fixed(3, SECOND), double(4, 1.0), own]);
    let decoded = read(&request(&[], &[metric("a", "", gauge(&[point]))]));
    assert_eq!(found(&decoded), [("a".to_owned(), vec![expected(1000, 1.0, &[])])]);
    // Ids that are none are no labels.
    let own = sub(5, &[sub(4, &[vec![]]), sub(5, &[vec![1; 17]])]);
    let point = sub(1, &[fixed(3, SECOND), own.repeat(2000)]);
    let decoded = read(&request(&[], &[metric("a", "", gauge(&[point]))]));
    let all = &found(&decoded)[0].1;
    assert_eq!((all.len(), decoded.dropped_exemplars), (1024, 976));
    assert_eq!(all[0], Exemplar { labels: LabelSet::default(), value: 0.0, timestamp: 0 });
}

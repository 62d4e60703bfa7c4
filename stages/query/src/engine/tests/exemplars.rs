use weir_pipeline::{Ask, Data, Exemplar, LabelSet, Matcher};

use super::{engine, loaded, query};
use crate::memory::Memory;

fn labels<const N: usize>(labels: [(&str, &str); N]) -> LabelSet {
    labels.into_iter().collect()
}

fn exemplar(timestamp: i64) -> Exemplar {
    Exemplar { labels: labels([("trace_id", "t")]), value: 0.5, timestamp }
}

async fn found(memory: Memory, selectors: &[&[(&str, &str)]], (start, end): (i64, i64)) -> Vec<(String, Vec<i64>)> {
    let equal =
        |matchers: &&[(&str, &str)]| matchers.iter().map(|(name, value)| Matcher::equal(*name, *value)).collect();
    let ask = Ask::Exemplars { selectors: selectors.iter().map(equal).collect(), start, end, bucket: None };
    let Data::Exemplars(found) = engine(memory).query(query(ask)).await.unwrap().data else { panic!() };
    let times = |own: &[Exemplar]| own.iter().map(|exemplar| exemplar.timestamp).collect();
    found.iter().map(|own| (own.series.to_string(), times(&own.exemplars))).collect()
}

#[tokio::test]
async fn exemplars_are_those_of_the_selected_series_and_of_the_time_span() {
    let mut memory = Memory::default();
    memory.add_exemplars(labels([("__name__", "m"), ("a", "y")]), vec![exemplar(20), exemplar(10), exemplar(31)]);
    memory.add_exemplars(labels([("__name__", "m"), ("a", "x")]), vec![exemplar(30)]);
    memory.add_exemplars(labels([("__name__", "n")]), vec![exemplar(40)]);
    let check = async |selectors: &[&[(&str, &str)]], span, expected: &[(&str, &[i64])]| {
        let found = found(memory.clone(), selectors, span).await;
        let found: Vec<_> = found.iter().map(|(series, times)| (series.as_str(), times.as_slice())).collect();
        assert_eq!(found, expected, "{selectors:?}");
    };
    let (x, y) = ("m{a=\"x\"}", "m{a=\"y\"}");
    check(&[&[("__name__", "m")]], (10, 30), &[(x, &[30]), (y, &[10, 20])]).await;
    // A series that several selectors have comes once, one without exemplars not at all.
    check(&[&[("a", "x")], &[("__name__", "m")]], (11, 30), &[(x, &[30]), (y, &[20])]).await;
    check(&[&[("__name__", "m")]], (0, 9), &[]).await;
    check(&[], (0, 100), &[]).await;
}

#[tokio::test]
async fn a_source_that_keeps_none_has_no_exemplars() {
    assert_eq!(found(loaded("1m\n m 1"), &[&[("__name__", "m")]], (0, 100)).await, []);
}

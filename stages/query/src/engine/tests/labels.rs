use weir_pipeline::{Ask, Data, Matcher};

use super::{engine, loaded, query};

const LOAD: &str = "1m\n m{a=\"x\"} 1 2\n m{a=\"y\",b=\"z\"} 1 2\n n{c=\"w\"} 1";

async fn answer(ask: Ask) -> Data {
    engine(loaded(LOAD)).query(query(ask)).await.unwrap().data
}

fn names(names: &[&str]) -> Data {
    Data::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn series_are_listed_once_and_sorted() {
    let selectors = vec![vec![Matcher::equal("__name__", "m")], vec![Matcher::equal("a", "x")]];
    let Data::Series(series) = answer(Ask::Series { selectors, start: 0, end: 60_000 }).await else { panic!() };
    let series: Vec<_> = series.iter().map(ToString::to_string).collect();
    assert_eq!(series, ["m{a=\"x\"}", "m{a=\"y\", b=\"z\"}"]);
}

#[tokio::test]
async fn label_names_are_those_of_the_selected_series_or_of_all() {
    let ask = |selectors| Ask::LabelNames { selectors, start: 0, end: 60_000 };
    assert_eq!(answer(ask(vec![vec![Matcher::equal("a", "x")]])).await, names(&["__name__", "a"]));
    assert_eq!(answer(ask(Vec::new())).await, names(&["__name__", "a", "b", "c"]));
}

#[tokio::test]
async fn label_values_are_those_of_one_label() {
    let ask = |name: &str| Ask::LabelValues { name: name.into(), selectors: Vec::new(), start: 0, end: 60_000 };
    assert_eq!(answer(ask("a")).await, names(&["x", "y"]));
    assert_eq!(answer(ask("__name__")).await, names(&["m", "n"]));
    assert_eq!(answer(ask("none")).await, names(&[]));
}

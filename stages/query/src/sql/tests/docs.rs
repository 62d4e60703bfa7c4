//! The examples of `SQL.md` run.

use super::{engine, loaded, rows};

/// What the examples ask for.
const LOAD: &str = "1m
 up{job=\"node\",instance=\"a\"} 1x60
 up{job=\"node\",instance=\"b\"} 0x60
 http_requests_total{job=\"web\",instance=\"a\",code=\"200\"} 0+60x60
 http_requests_total{job=\"web\",instance=\"b\",code=\"500\"} 0+6x60
 http_request_duration_seconds_bucket{job=\"web\",le=\"0.1\"} 0+5x60
 http_request_duration_seconds_bucket{job=\"web\",le=\"1\"} 0+9x60
 http_request_duration_seconds_bucket{job=\"web\",le=\"+Inf\"} 0+10x60
 http_request_duration_seconds{job=\"web\",instance=\"a\"} {{schema:0 sum:5 count:3 buckets:[1 2]}}
 {\"job:up:sum\",job=\"node\"} 1x60
 build_info{instance=\"a\",version=\"1.2\"} 1x60
 build_info{instance=\"b\",version=\"1.3\"} 1x60";

#[tokio::test]
async fn every_example_of_the_docs_answers() {
    let engine = engine(loaded(LOAD));
    let docs = include_str!("../../../SQL.md");
    let mut count = 0;
    for example in docs.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        assert!(!rows(&engine, example).await.is_empty(), "no rows:\n{example}");
        count += 1;
    }
    assert!(count >= 8, "{count} examples");
}

#[test]
fn every_function_is_in_the_docs() {
    let docs = include_str!("../../../SQL.md");
    let (_, taken) = crate::sql::session::builtin_scalars();
    let scalars = crate::sql::functions::scalars(&taken);
    let aggregates = crate::sql::functions::aggregates();
    let own = scalars.iter().map(|f| f.name()).chain(aggregates.iter().map(|f| f.name()));
    let missing: Vec<&str> = own.filter(|name| !docs.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

//! The plans of a few queries, as `explain` shows them. `WEIR_BLESS=1` writes what it shows now.

use std::path::Path;

use weir_pipeline::Ask;

use super::{engine, loaded};

async fn plan(file: &str, expr: &str, range: bool) {
    let expr = expr.into();
    let ask = match range {
        true => Ask::Range { expr, start: 600_000, end: 900_000, step: 60_000 },
        false => Ask::Instant { expr, time: 600_000 },
    };
    let shown = engine(loaded("1m\n m 1")).explain(&ask).await.unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/tests/golden").join(file);
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == wanted, "{file}: the plan is now\n{shown}\nand was\n{wanted}");
}

#[tokio::test]
async fn plans_have_the_shape_that_was_agreed() {
    plan("selector.txt", "up{job=\"a\"}", false).await;
    plan("sum_by_rate.txt", "sum by (job) (rate(http_requests_total{code=~\"5..\"}[5m] offset 1m))", true).await;
    plan("ratio.txt", "sum without (i) (m) / on(job) count without (i) (n)", true).await;
    plan("histogram_quantile.txt", "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))", true).await;
    plan("numbers.txt", "2 * (m > bool time()) + scalar(n)", true).await;
    plan("pinned.txt", "-max_over_time(m[1h] @ end())", true).await;
    plan("samples.txt", "m[5m]", false).await;
}

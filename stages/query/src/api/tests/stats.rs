//! `stats`: how an answer was found.

use std::time::Duration;

use weir_pipeline::{QueryStats, QueryTimings, SampleStats, StatsDetail};

use super::*;

fn stats(per_step: Vec<(i64, u64, u64)>) -> QueryStats {
    let millis = Duration::from_millis;
    let timings = QueryTimings {
        evaluation: millis(1500),
        sorting: millis(0),
        preparation: millis(2),
        inner: millis(1498),
        queue: Duration::from_nanos(100),
        total: millis(2000),
    };
    QueryStats { timings, samples: SampleStats { total: 5, read: 4, peak: 7, per_step } }
}

#[tokio::test]
async fn statistics_are_written_as_prometheus_writes_them() {
    let running = start(settings(""), async |query| {
        let stats = match query.stats {
            StatsDetail::None => None,
            StatsDetail::Totals => Some(stats(Vec::new())),
            StatsDetail::PerStep => Some(stats(vec![(1500, 3, 3), (2000, 2, 1)])),
        };
        Ok(Answer { stats, ..Data::Scalar(0, 1.0).into() })
    })
    .await;
    let check = async |parameters: &str, samples: &str, after: &str| {
        let timings = concat!(
            r#"{"evalTotalTime":1.5,"resultSortTime":0,"queryPreparationTime":0.002,"innerEvalTime":1.498,"#,
            r#""execQueueTime":0.0000001,"execTotalTime":2}"#
        );
        let stats = if samples.is_empty() {
            String::new()
        } else {
            format!(r#","stats":{{"timings":{timings},"samples":{samples}}}"#)
        };
        let expected =
            format!(r#"{{"status":"success","data":{{"resultType":"scalar","result":[0,"1"]{stats}}}{after}}}"#);
        assert_eq!(running.get(&format!("/api/v1/query?query=1{parameters}")).await.text(), expected, "{parameters}");
    };
    let totals = r#"{"totalQueryableSamples":5,"samplesRead":4,"peakSamples":7}"#;
    check("", "", "").await;
    check("&stats=", "", "").await;
    check("&stats=true", totals, "").await;
    let steps = concat!(
        r#"{"totalQueryableSamplesPerStep":[[1.5,3],[2,2]],"totalQueryableSamples":5,"#,
        r#""samplesReadPerStep":[[1.5,3],[2,1]],"samplesRead":4,"peakSamples":7}"#
    );
    check("&stats=all", steps, "").await;
    let warning = concat!(
        r#","warnings":["value \"1\" for parameter \"stats\" is deprecated and will be rejected in the next major "#,
        r#"release, use \"true\" or \"all\""]"#
    );
    check("&stats=1", totals, warning).await;
}

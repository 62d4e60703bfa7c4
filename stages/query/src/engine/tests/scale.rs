//! Queries over more series than memory holds.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use weir_pipeline::{Data, Kind, LabelSet, Labels, Result, SeriesId};

use super::{Engine, Limits, ask, floats};
use crate::engine::{MetricsSource, Run, Selected, Wanted};

/// How many steps a query has.
const STEPS: i64 = 1000;

/// So many series in a hundred groups, each with a sample every five minutes that says its group. `WEIR_SCALE` makes them a
/// million and the memory 512 MiB, which takes minutes without optimization.
fn size() -> (usize, u64) {
    if std::env::var_os("WEIR_SCALE").is_some() { (1_000_000, 512 << 20) } else { (20_000, 32 << 20) }
}

/// A source that makes its series up.
#[derive(Debug)]
struct Generated(usize);

struct Made(Vec<LabelSet>);

#[async_trait]
impl MetricsSource for Generated {
    async fn select(&self, _: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let labels = |i: usize| {
            let labels = [("__name__", "m".to_owned()), ("g", (i % 100).to_string()), ("i", i.to_string())];
            labels.iter().map(|(name, value)| (*name, value.as_str())).collect()
        };
        Ok(Arc::new(Made((0..self.0).map(labels).collect())))
    }
}

#[async_trait]
impl Selected for Made {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        self.0[series].as_labels()
    }

    fn id(&self, series: usize) -> SeriesId {
        self.labels(series).id()
    }

    fn samples_estimate(&self, _: usize) -> usize {
        STEPS as usize / 20 + 1
    }

    async fn read(&self, range: Range<usize>) -> Result<Vec<Run>> {
        let run = |series: usize| {
            let timestamps: Vec<i64> = (0..=STEPS / 20).map(|i| i * 300_000).collect();
            let values = vec![(series % 100) as f64; timestamps.len()];
            Run { series, timestamps, values, ..Run::default() }
        };
        Ok(range.map(run).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_not_fit_is_refused_and_sums_of_it_are_answered() {
    let (series, memory) = size();
    let limits = Limits { memory, max_samples: u64::MAX, timeout: Duration::from_secs(3600), ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(Generated(series)), limits, 2);
    let range = (15_000, STEPS * 15_000, 15_000);
    let error = ask(&engine, "m", range).await.unwrap_err();
    let wanted = format!("the query needs more than {}MiB of memory", memory >> 20);
    assert_eq!((error.message(), error.kind()), (wanted.as_str(), Kind::Unprocessable));
    let all = floats(ask(&engine, "sum(m)", range).await.unwrap().data);
    let sum = (series / 100 * 4950) as f64;
    assert!(all[0].1.len() == STEPS as usize && all[0].1.iter().all(|(_, value)| *value == sum), "{:?}", all[0].1[0]);
    let Data::Matrix(groups) = ask(&engine, "sum by (g) (m)", range).await.unwrap().data else { panic!("no matrix") };
    assert_eq!(groups.len(), 100);
}

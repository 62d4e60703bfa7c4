//! `scrape`: asks targets for their metrics, each at its own steady time, and sends each answer as one batch.
//!
//! ```yaml
//! source:
//!   scrape:
//!     jobs:
//!       - job_name: node
//!         scrape_interval: 15s
//!         static_configs:
//!           - targets: ["127.0.0.1:9100"]
//!             labels: { env: dev }
//! ```
//!
//! Shape: a job is written as in `scrape_configs` of Prometheus, and works as there: `scheme`, `tls_config`, `basic_auth`,
//! `authorization`, `bearer_token_file`, `params`, `honor_labels`, the limits, and so on. Targets stand in `static_configs`, in
//! files (`file_sd_configs: [ { files: ["targets/*.json"] } ]`, found within seconds when they change), or come from servers
//! (`http_sd_configs: [ { url: http://127.0.0.1:8080/targets } ]`). `relabel_configs` see what was found of a target
//! (`__address__`, `__meta_filepath`, `__meta_url`, …), say how it is scraped (`__scheme__`, `__metrics_path__`,
//! `__param_<name>`, `__scrape_interval__`, `__scrape_timeout__`), and drop it; what begins with `__` is no label of its series.
//! A target that is not listed any more ends when its next scrape would be due: its series, `up` among them, are marked stale.
//!
//! A scrape becomes one batch: the
//! samples with `job`, `instance` and the target's labels, a staleness marker for every series that is gone, and `up`,
//! `scrape_duration_seconds`, `scrape_samples_scraped`, `scrape_samples_post_metric_relabeling` and
//! `scrape_series_added`. What is said of metrics goes along when it is new, when it changes, and every ten minutes.
//! Exemplars go along; one without a time has that of its sample. Those with labels of more than 128 characters are left out.
//!
//! Errors: a scrape that fails in any way, by a limit too, sends nothing of its body: `up` is 0, and all series of the
//! target are marked stale. A batch that the rest of the pipeline can't take is offered again until the next scrape is
//! due; then it is lost, counted in `weir_scrape_samples_lost_total`, and logged. On shutdown no markers are written. At a reload
//! targets of the same job and labels go on as if nothing had happened: what was seen of them, and what could not be sent yet, is
//! handed over; those that are gone, and those of a pipeline that is gone, are marked stale. A list of
//! targets that can't be read counts as it was before; that is logged, and counted as by Prometheus.
//!
//! Memory: for each target a body (up to `body_size_limit`) and its batch while it is scraped, and between scrapes the
//! batch of the last one, to tell which series are gone.
//!
//! Order: begins a pipeline. What `metric_relabel_configs` of a job does, a `relabel` stage right below does for all jobs.
//!
//! Source: `scrape/scrape.go` and `scrape/target.go` of Prometheus 3. Differences: redirects are not followed, series
//! end with their target and not two intervals later, label values `le` and `quantile` stay as the target writes them, and every body has a size limit.

mod deliver;
mod discover;
mod failure;
mod fetch;
mod heritage;
mod job;
mod page;
mod pool;
mod report;
mod schedule;
mod staleness;
mod target;
mod telemetry;
mod worker;

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use tokio::task::JoinSet;
use weir_pipeline::{Context, Departure, Error, Next, Result, Source, Tenant, Write};

pub use discover::{FileSd, HttpSd};
pub use job::{Group, Job, Protocol, Scheme};

use fetch::Http;
use heritage::Heritage;
use pool::Pool;
use telemetry::Telemetry;

/// Asks targets for their metrics and sends each answer as one batch.
#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Scrape {
    /// What to scrape, each as in `scrape_configs` of Prometheus. Every job has a name of its own. No default.
    pub jobs: Vec<Job>,
    /// Whose samples they are. Default `default-tenant`.
    #[serde(default)]
    pub tenant: Tenant,
}

// === impl Scrape ===

impl<'de> Deserialize<'de> for Scrape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scrape = Self::deserialize(deserializer)?;
        let mut names = HashSet::new();
        match scrape.jobs.iter().find(|job| !names.insert(&job.job_name)) {
            Some(job) => Err(serde::de::Error::custom(format!("expected each job once, got `{}` twice", job.job_name))),
            None => Ok(scrape),
        }
    }
}

impl Source<Write> for Scrape {
    const NAME: &'static str = "scrape";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        let telemetry = Arc::new(Telemetry::new(&context));
        // A job without targets is a pool, too.
        let shown = |job: &Job| context.targets().pool(&context.pipeline, &job.job_name);
        let _shown: Vec<_> = self.jobs.iter().map(shown).collect();
        // What can fail comes before anything begins.
        let jobs: Vec<(Job, Http)> =
            self.jobs.into_iter().map(|job| Http::new(&job).map(|http| (job, http))).collect::<Result<_>>()?;
        let mut heritage: Heritage = context.take_left().unwrap_or_default();
        let mut pools = JoinSet::new();
        let parts = || (context.clone(), next.clone(), telemetry.clone(), self.tenant.clone());
        for (job, http) in jobs {
            let left = heritage.take(&job.job_name, &self.tenant);
            pools.spawn(Pool::new(job, http, parts(), left).run());
        }
        for left in heritage.into_rest() {
            let ending = left.end(parts());
            pools.spawn(async { Ok(ending.await) });
        }
        let mut leaving = Heritage::default();
        while let Some(ended) = pools.join_next().await {
            let broke_off = |error| Error::internal("the scrapes of a job broke off").with_source(error);
            let (job, left) = ended.map_err(broke_off)??;
            leaving.0.entry(job).or_default().extend(left);
        }
        // Without any job there is nothing to do, and nothing that ends.
        context.shutdown.cancelled().await;
        if context.departure() == Departure::Replaced {
            context.leave(leaving);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

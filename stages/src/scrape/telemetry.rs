//! What `scrape` tells of itself. Names are those of Prometheus where the meaning is.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

use super::failure::{Failure, Reason};
use super::page::Counts;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What `scrape` tells of itself.
#[derive(Debug)]
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    targets: Family<Job, Gauge>,
    dropped: Family<Job, Gauge>,
    failed_files: Family<Job, Counter>,
    failed_servers: Family<Job, Counter>,
    scrapes: Family<Ended, Counter>,
    duration: Family<Job, Histogram>,
    samples: Family<Job, Counter>,
    lost: Family<Outcome, Counter>,
    retries: Family<Job, Counter>,
    exemplars: Family<Outcome, Counter>,
    target_limit: Family<Job, Counter>,
    sample_limit: Family<Job, Counter>,
    body_size_limit: Family<Job, Counter>,
    label_limit: Family<Job, Counter>,
    duplicate: Family<Job, Counter>,
    out_of_bounds: Family<Job, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    pipeline: Arc<str>,
    scrape_job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    pipeline: Arc<str>,
    scrape_job: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    pipeline: Arc<str>,
    scrape_job: String,
    result: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        let counter = |name: &str, help: &str| m.register(name, help, Family::<Job, Counter>::default());
        let reasons = |name: &str, help: &str| m.register(name, help, Family::<Outcome, Counter>::default());
        let limits = "Scrapes that failed because ";
        Self {
            pipeline: context.pipeline.clone(),
            targets: m.register("prometheus_target_scrape_pool_targets", "Targets of a job", Family::default()),
            dropped: m.register(
                "weir_scrape_dropped_targets",
                "Targets that were found and are not scraped: a rule drops them, or they are wrong",
                Family::default(),
            ),
            failed_files: counter("prometheus_sd_file_read_errors", "Files of targets that could not be read"),
            failed_servers: counter("prometheus_sd_http_failures", "Lists of targets that could not be had"),
            scrapes: m.register("weir_scrape_scrapes", "Scrapes: ok, or why they failed", Family::default()),
            duration: m.register(
                "weir_scrape_duration_seconds",
                "From a request to the batch that came of it",
                Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            ),
            samples: counter("weir_scrape_samples", "Samples that the rest of the pipeline took"),
            lost: reasons("weir_scrape_samples_lost", "Samples that the rest of the pipeline did not take in time"),
            retries: counter("weir_scrape_retries", "Batches offered again"),
            exemplars: reasons("weir_scrape_dropped_exemplars", "Exemplars left out"),
            target_limit: counter(
                "prometheus_target_scrape_pool_exceeded_target_limit",
                "How often a job was found to have too many targets",
            ),
            sample_limit: counter(
                "prometheus_target_scrapes_exceeded_sample_limit",
                &format!("{limits}of too many samples"),
            ),
            body_size_limit: counter(
                "prometheus_target_scrapes_exceeded_body_size_limit",
                &format!("{limits}the body was too large"),
            ),
            label_limit: counter(
                "prometheus_target_scrape_pool_exceeded_label_limits",
                &format!("{limits}of too many or too long labels"),
            ),
            duplicate: counter(
                "prometheus_target_scrapes_sample_duplicate_timestamp",
                "Samples left out because their series came twice",
            ),
            out_of_bounds: counter(
                "prometheus_target_scrapes_sample_out_of_bounds",
                "Samples left out because they were too far in the future",
            ),
        }
    }

    pub(super) fn targets(&self, job: &str, count: usize) {
        self.targets.get_or_create(&self.job(job)).set(count as i64);
    }

    pub(super) fn dropped_targets(&self, job: &str, count: usize) {
        self.dropped.get_or_create(&self.job(job)).set(count as i64);
    }

    pub(super) fn exceeded_target_limit(&self, job: &str) {
        self.target_limit.get_or_create(&self.job(job)).inc();
    }

    pub(super) fn failed_file(&self, job: &str) {
        self.failed_files.get_or_create(&self.job(job)).inc();
    }

    pub(super) fn failed_server(&self, job: &str) {
        self.failed_servers.get_or_create(&self.job(job)).inc();
    }

    pub(super) fn scraped(&self, job: &str, took: Duration, counts: Counts, failure: Option<&Failure>) {
        let reason = failure.map(|failure| failure.reason);
        let labels = self.job(job);
        let (pipeline, scrape_job) = (labels.pipeline.clone(), labels.scrape_job.clone());
        self.scrapes.get_or_create(&Ended { pipeline, scrape_job, result: reason.map_or("ok", Reason::as_str) }).inc();
        self.duration.get_or_create(&labels).observe(took.as_secs_f64());
        let limit = match reason {
            Some(Reason::SampleLimit) => Some(&self.sample_limit),
            Some(Reason::BodySizeLimit) => Some(&self.body_size_limit),
            Some(Reason::LabelLimit) => Some(&self.label_limit),
            _ => None,
        };
        if let Some(limit) = limit {
            limit.get_or_create(&labels).inc();
        }
        for (family, count) in [(&self.duplicate, counts.duplicate), (&self.out_of_bounds, counts.out_of_bounds)] {
            if count > 0 {
                family.get_or_create(&labels).inc_by(count);
            }
        }
        if counts.exemplars > 0 {
            self.exemplars.get_or_create(&self.outcome(job, "left_out")).inc_by(counts.exemplars);
        }
    }

    pub(super) fn delivered(&self, job: &str, samples: u64, attempts: u32) {
        self.samples.get_or_create(&self.job(job)).inc_by(samples);
        self.retried(job, attempts);
    }

    pub(super) fn lost(&self, job: &str, samples: u64, attempts: u32, reason: &'static str) {
        self.lost.get_or_create(&self.outcome(job, reason)).inc_by(samples);
        self.retried(job, attempts);
    }

    fn retried(&self, job: &str, attempts: u32) {
        if attempts > 1 {
            self.retries.get_or_create(&self.job(job)).inc_by(u64::from(attempts - 1));
        }
    }

    fn job(&self, job: &str) -> Job {
        Job { pipeline: self.pipeline.clone(), scrape_job: job.to_owned() }
    }

    fn outcome(&self, job: &str, reason: &'static str) -> Outcome {
        Outcome { pipeline: self.pipeline.clone(), scrape_job: job.to_owned(), reason }
    }
}

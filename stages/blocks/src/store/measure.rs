//! A store's metrics. Where Prometheus has a metric of the same meaning, its name is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use weir_pipeline::{Ack, Metrics, Outcome};

use super::bounds::Expired;
use super::cut::Cut;
use super::view::View;
use crate::head::Usage;
use crate::log::{Damage, Observer};

#[derive(Clone)]
pub(super) struct Measures {
    series: Gauge,
    created: Mirror,
    removed: Mirror,
    bytes: Gauge,
    samples: Gauge,
    appended: Counter,
    rejected: Counter,
    refused: Counter,
    conflicts: Counter,
    head_conflicts: Mirror,
    fsync: Histogram,
    log_records: Counter,
    log_bytes: Counter,
    log_failures: Counter,
    uncut_exemplars: Counter,
    corruptions: Counter,
    orphans: Counter,
    replay_seconds: Gauge<f64, AtomicU64>,
    cuts: Counter,
    cuts_failed: Counter,
    cut_seconds: Histogram,
    cut_samples: Counter,
    merges: Counter,
    uploads: Counter,
    uploads_failed: Counter,
    upload_samples: Counter,
    upload_bytes: Counter,
    upload_seconds: Histogram,
    upload_waits: Counter,
    take_overs: Counter,
    covered_blocks: Counter,
    covered_samples: Counter,
    covered_bytes: Counter,
    expired: Counter,
    expired_samples: Counter,
    blocks: Gauge,
    block_bytes: Gauge,
}

/// A counter that follows one kept elsewhere.
#[derive(Clone)]
struct Mirror {
    counter: Counter,
    seen: Arc<AtomicU64>,
}

// === impl Measures ===

impl Measures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let counter = |name: &str, help: &str| metrics.register(name, help, Counter::default());
        let gauge = |name: &str, help: &str| metrics.register(name, help, Gauge::default());
        let seconds =
            |name: &str, help: &str| metrics.register(name, help, Histogram::new(exponential_buckets(0.0005, 2.0, 16)));
        Self {
            series: gauge("prometheus_tsdb_head_series", "Series in the head"),
            created: Mirror::new(counter("prometheus_tsdb_head_series_created", "Series created in the head")),
            removed: Mirror::new(counter("prometheus_tsdb_head_series_removed", "Series removed from the head")),
            bytes: gauge("weir_store_head_bytes", "What the head takes in memory"),
            samples: gauge("weir_store_head_samples", "Samples in the head, in no block yet"),
            appended: counter("prometheus_tsdb_head_samples_appended", "Samples appended"),
            rejected: counter("weir_store_rejected_samples", "Samples that were rejected"),
            refused: counter(
                "weir_store_refused_samples",
                "Samples refused because the head was full, to be sent again",
            ),
            conflicts: counter("weir_store_conflicts", "Values that lost against another at the same timestamp"),
            head_conflicts: Mirror::new(Counter::default()),
            fsync: seconds("prometheus_tsdb_wal_fsync_duration_seconds", "Writing and syncing a group of log records"),
            uncut_exemplars: counter(
                "weir_store_uncut_exemplars",
                "Exemplars that are in no block: too many came between two cuts, or their series had no samples",
            ),
            log_records: counter("weir_store_log_records", "Records written to the log"),
            log_bytes: counter("weir_store_log_bytes", "Bytes written to the log"),
            log_failures: counter("prometheus_tsdb_wal_writes_failed", "Writes to the log that failed"),
            corruptions: counter("prometheus_tsdb_wal_corruptions", "Damaged places found in the log"),
            orphans: counter(
                "weir_store_log_orphaned_samples",
                "Samples lost with the record that defined their series",
            ),
            replay_seconds: metrics.register(
                "prometheus_tsdb_data_replay_duration_seconds",
                "How long replaying the log took at the start",
                Gauge::default(),
            ),
            cuts: counter("prometheus_tsdb_compactions", "Cuts of the head into blocks"),
            cuts_failed: counter("prometheus_tsdb_compactions_failed", "Cuts that failed, to be repeated"),
            cut_seconds: seconds("prometheus_tsdb_compaction_duration_seconds", "How long a cut took"),
            cut_samples: counter("weir_store_cut_samples", "Samples written to blocks by cuts"),
            merges: counter("weir_store_merges", "Merges of small blocks into a larger one"),
            uploads: counter("thanos_shipper_uploads", "Blocks uploaded to the bucket and committed to its catalog"),
            uploads_failed: counter("thanos_shipper_upload_failures", "Uploads that failed, to be repeated"),
            upload_samples: counter("weir_store_upload_samples", "Samples uploaded"),
            upload_bytes: counter("weir_store_upload_bytes", "Bytes of blocks uploaded"),
            upload_seconds: metrics.register(
                "weir_store_upload_duration_seconds",
                "How long an upload took, from the disk to its commit",
                Histogram::new(exponential_buckets(0.01, 2.0, 16)),
            ),
            upload_waits: counter(
                "weir_store_upload_waits",
                "Uploads put off while another store uploaded blocks of the same tenant",
            ),
            take_overs: counter(
                "weir_store_upload_take_overs",
                "Uploads made although another store had not ended its own after `take_over`",
            ),
            covered_blocks: counter(
                "weir_store_covered_blocks",
                "Blocks that went from the disk as the bucket had all of their samples from other stores",
            ),
            covered_samples: counter(
                "weir_store_covered_samples",
                "Samples not uploaded because the bucket had them from other stores",
            ),
            covered_bytes: counter("weir_store_covered_bytes", "What such blocks took on disk"),
            expired: counter(
                "weir_store_expired_blocks",
                "Blocks dropped because they were older than their tenants keep any",
            ),
            expired_samples: counter("weir_store_expired_samples", "Samples of such blocks"),
            blocks: gauge("prometheus_tsdb_blocks_loaded", "Blocks on disk, not in the bucket yet"),
            block_bytes: gauge("prometheus_tsdb_storage_blocks_bytes", "What these blocks take on disk"),
        }
    }

    pub(super) fn appended(&self, written: u64, ack: &Ack) {
        self.appended.inc_by(written);
        self.rejected.inc_by(ack.count(Outcome::Rejected));
    }

    pub(super) fn refused(&self, samples: u64) {
        self.refused.inc_by(samples);
    }

    pub(super) fn observe(&self, usage: &Usage) {
        self.series.set(usage.series as i64);
        self.bytes.set(usage.bytes() as i64);
        self.samples.set(usage.samples as i64);
        self.created.follow(usage.created);
        self.removed.follow(usage.removed);
        self.conflicts.inc_by(self.head_conflicts.advance(usage.conflicts));
    }

    pub(super) fn conflicts(&self, count: u64) {
        self.conflicts.inc_by(count);
    }

    pub(super) fn cut(&self, cut: &Cut, took: Duration) {
        self.cuts.inc();
        self.cut_samples.inc_by(cut.samples);
        self.cut_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn merged(&self) {
        self.merges.inc();
    }

    /// A block is in the bucket.
    pub(super) fn committed(&self, samples: u64, bytes: u64) {
        self.uploads.inc();
        self.upload_samples.inc_by(samples);
        self.upload_bytes.inc_by(bytes);
    }

    pub(super) fn uploaded(&self, took: Duration) {
        self.upload_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn upload_waits(&self) {
        self.upload_waits.inc();
    }

    pub(super) fn took_over(&self) {
        self.take_overs.inc();
    }

    /// A block is in the bucket, by what others have put there.
    pub(super) fn covered(&self, samples: u64, bytes: u64) {
        self.covered_blocks.inc();
        self.covered_samples.inc_by(samples);
        self.covered_bytes.inc_by(bytes);
    }

    /// Samples were left out of an upload, as the bucket has them.
    pub(super) fn left_out(&self, samples: u64) {
        self.covered_samples.inc_by(samples);
    }

    /// Blocks were too old.
    pub(super) fn expired(&self, expired: &Expired) {
        self.expired.inc_by(expired.local + expired.bucket);
        self.expired_samples.inc_by(expired.samples);
    }

    pub(super) fn upload_failed(&self) {
        self.uploads_failed.inc();
    }

    pub(super) fn blocks(&self, view: &View) {
        self.blocks.set(view.all().count() as i64);
        self.block_bytes.set(view.all().map(|block| block.bytes()).sum::<u64>() as i64);
    }

    /// So many exemplars will be in no block.
    pub(super) fn uncut(&self, exemplars: u64) {
        self.uncut_exemplars.inc_by(exemplars);
    }

    pub(super) fn cut_failed(&self) {
        self.cuts_failed.inc();
    }

    pub(super) fn replayed(&self, damage: &Damage, took: Duration) {
        self.corruptions.inc_by(damage.torn + damage.bad_records + damage.bad_segments);
        self.orphans.inc_by(damage.orphans);
        self.replay_seconds.set(took.as_secs_f64());
    }
}

impl Observer for Measures {
    fn synced(&self, records: u64, bytes: u64, seconds: f64) {
        self.log_records.inc_by(records);
        self.log_bytes.inc_by(bytes);
        self.fsync.observe(seconds);
    }

    fn failed(&self) {
        self.log_failures.inc();
    }
}

// === impl Mirror ===

impl Mirror {
    fn new(counter: Counter) -> Self {
        Self { counter, seen: Arc::default() }
    }

    fn follow(&self, value: u64) {
        self.counter.inc_by(self.advance(value));
    }

    /// How much more there is than was seen.
    fn advance(&self, value: u64) -> u64 {
        value.saturating_sub(self.seen.fetch_max(value, Relaxed))
    }
}

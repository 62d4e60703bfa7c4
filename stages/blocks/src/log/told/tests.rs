//! Tests of `log::told`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use weir_pipeline::Tenant;

use super::super::known::Known;
use super::super::record::decode;
use super::super::{Log, Observer, Replay};
use super::*;
use crate::seam::Fs;
use crate::seam::sim::SimFs;

struct Nobody;

impl Observer for Nobody {
    fn synced(&self, _: u64, _: u64, _: f64) {}
    fn failed(&self) {}
}

fn said(metric: &str, kind: MetricKind, help: &str, unit: &str) -> Metadata {
    Metadata { metric: metric.into(), kind, help: help.into(), unit: unit.into() }
}

/// A float of a tenant, and beside it what is said of metrics.
fn entry(said: &[Metadata]) -> Entry {
    let mut batch = Batch::builder(Tenant::new("team-a").unwrap());
    batch.series(LabelSet::from_iter([("__name__", "up")]).as_labels()).sample(7, 1.0);
    Entry::new(&batch.build(), [Some(1)]).saying(said)
}

#[tokio::test]
async fn what_the_log_says_of_metrics_is_read_back_and_needs_no_later_version() {
    let (fs, dir) = (SimFs::default(), Path::new("/log"));
    fs.create_dir_all(dir).unwrap();
    let log = Log::new(Arc::new(fs.process()), dir.into(), 64 << 20, Vec::new(), Arc::new(Nobody));
    let odd = said("ü", MetricKind::StateSet, "One\nof \"several\".", "");
    let mut all = vec![odd, said("a", MetricKind::Unknown, "", "bytes"), Metadata::default()];
    // Of more than a record takes.
    all.extend((0..600).map(|n| said(&n.to_string(), MetricKind::Counter, &"h".repeat(4096), "seconds")));
    log.append(entry(&all)).await.unwrap();
    log.append(entry(&[])).await.unwrap();
    log.close().await.unwrap();
    let first = dir.join("00000000000000000001.log");
    assert_eq!(SegmentHeader::decode(&fs.bytes(&first).unwrap()).unwrap().version, 1);
    let mut replay = Replay::new(Arc::new(fs), dir.into()).unwrap();
    let (mut found, mut samples) = (Vec::new(), 0);
    while let Some((batch, _)) = replay.read().unwrap() {
        assert_eq!(batch.tenant().as_str(), "team-a");
        samples += batch.sample_count();
        found.extend(batch.metadata().to_vec());
    }
    assert!(replay.damage().is_none());
    assert_eq!((found, samples), (all, 2));
}

#[test]
fn who_does_not_know_the_flag_reads_no_sample_and_no_damage() {
    let entry = entry(&[said("up", MetricKind::Gauge, "Help.", "")]);
    let (mut payload, part) = (Vec::new(), entry.parts().last().unwrap());
    assert_eq!(entry.write(part, &mut Defined::default(), &mut payload), SAYS);
    let labels = b"\x08__name__\x02up\x04help\x05Help.\x04kind\x012";
    assert_eq!(payload, [&b"\x06team-a\x01\x00\x1e"[..], labels].concat());
    let read = decode(SAMPLES, &payload, 0, &mut Known::default()).unwrap();
    assert_eq!((read.batch.series_count(), read.batch.metadata(), read.orphans), (0, &[][..], 0));
    let read = decode(SAMPLES, &payload, SAYS, &mut Known::default()).unwrap();
    assert_eq!(read.batch.metadata(), [said("up", MetricKind::Gauge, "Help.", "")]);
    // What was cut short, or goes on, is no record.
    for bad in [&payload[..payload.len() - 1], &[&payload[..], b"\0"].concat()] {
        assert!(decode(SAMPLES, bad, SAYS, &mut Known::default()).is_none());
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weir_pipeline::testing::{histogram_bits, histogram_point};
use weir_pipeline::{Batch, Exemplar, HistogramPoint, LabelSet, Tenant};

use super::{Damage, Entry, Hold, Log, Observer, Replay, fuzz};
use crate::seam::Fs;
use crate::seam::sim::{Fault, Op, SimFs};
use crate::testing::{corpus, mutations};

const DIR: &str = "/store/log";
const SEGMENT: u64 = 4096;

#[derive(Default)]
struct Counts {
    groups: AtomicU64,
    failed: AtomicU64,
}

impl Observer for Counts {
    fn synced(&self, _: u64, _: u64, _: f64) {
        self.groups.fetch_add(1, Relaxed);
    }
    fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }
}

/// What a log holds: the samples of each series, by tenant and labels.
type Content = BTreeMap<String, Vec<(i64, u64)>>;

fn disk() -> SimFs {
    let fs = SimFs::default();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs
}

fn open(fs: &SimFs) -> Log {
    Log::new(Arc::new(fs.process()), DIR.into(), SEGMENT, replay(fs).2, Arc::new(Counts::default()))
}

fn replay(fs: &SimFs) -> (Content, Damage, Vec<Hold>) {
    let mut replay = Replay::new(Arc::new(fs.process()), DIR.into()).unwrap();
    let (mut content, holds) = (Content::new(), replay.segments());
    while let Some((batch, _)) = replay.read().unwrap() {
        for series in batch.iter() {
            let samples = content.entry(format!("{}/{}", batch.tenant(), series.labels)).or_default();
            samples.extend(series.timestamps.iter().zip(series.values).map(|(t, v)| (*t, v.to_bits())));
        }
    }
    (content, replay.damage(), holds)
}

/// One sample at `ts` for each of the series numbered so.
fn batch(tenant: &str, series: &[u64], ts: i64) -> Batch {
    let mut batch = Batch::builder(Tenant::new(tenant).unwrap());
    for n in series {
        let labels = LabelSet::from_iter([("__name__", "m".to_owned()), ("n", n.to_string())]);
        batch.series(labels.as_labels()).sample(ts, ts as f64);
    }
    batch.build()
}

fn entry(tenant: &str, series: &[u64], ts: i64) -> Entry {
    Entry::new(&batch(tenant, series, ts), series.iter().map(|n| Some(*n)))
}

fn segment_files(fs: &SimFs) -> Vec<PathBuf> {
    fs.list(Path::new(DIR)).unwrap().iter().map(|name| Path::new(DIR).join(name)).collect()
}

fn samples(content: &Content) -> usize {
    content.values().map(Vec::len).sum()
}

#[tokio::test]
async fn what_is_appended_is_read_back() {
    let fs = disk();
    let log = open(&fs);
    let mut all = Vec::new();
    for ts in 0..200 {
        all.extend(log.append(entry("a", &[1, 2, 3], ts)).await.unwrap());
        all.extend(log.append(entry("b", &[4], ts)).await.unwrap());
    }
    log.close().await.unwrap();
    assert!(segment_files(&fs).len() > 2, "the log should have several segments");
    let (content, damage, holds) = replay(&fs);
    assert!(damage.is_none());
    assert_eq!(content.len(), 4);
    for samples in content.values() {
        assert_eq!(*samples, (0..200).map(|ts| (ts, (ts as f64).to_bits())).collect::<Vec<_>>());
    }
    assert_eq!(holds.len(), segment_files(&fs).len());
}

#[tokio::test]
async fn histograms_and_exemplars_are_read_back_bit_for_bit() {
    let fs = disk();
    let log = open(&fs);
    let (mut sent, mut exemplars) = (Vec::new(), 0);
    for n in 0..40u64 {
        let mut batch = Batch::builder(Tenant::default());
        for series in 0..3u64 {
            let labels = LabelSet::from_iter([("__name__", "h".to_owned()), ("n", series.to_string())]);
            batch.series(labels.as_labels());
            for i in 0..n % 4 {
                let point = histogram_point((n * 10 + i) as i64, n * 7 + series + i);
                sent.push((labels.to_string(), point.clone()));
                batch.histogram(point);
            }
            if n % 5 == 0 {
                exemplars += 1;
                let labels = LabelSet::from_iter([("trace_id", n.to_string())]);
                batch.exemplar(Exemplar { labels, value: -0.0, timestamp: n as i64 });
            }
        }
        log.append(Entry::new(&batch.build(), (0..3).map(Some))).await.unwrap();
    }
    log.close().await.unwrap();
    assert!(segment_files(&fs).len() > 2, "the log should have several segments");
    let mut replay = Replay::new(Arc::new(fs), DIR.into()).unwrap();
    let (mut found, mut of_exemplars) = (Vec::new(), 0);
    while let Some((batch, _)) = replay.read().unwrap() {
        of_exemplars += batch.exemplar_count();
        assert!(batch.iter().flat_map(|s| s.exemplars).all(|e| e.value.to_bits() == (-0.0f64).to_bits()));
        for series in batch.iter() {
            found.extend(series.histograms.iter().map(|point| (series.labels.to_string(), point.clone())));
        }
    }
    assert!(replay.damage().is_none());
    let bits = |all: &[(String, HistogramPoint)]| {
        let (labels, points): (Vec<_>, Vec<_>) = all.iter().cloned().unzip();
        (labels, histogram_bits(&points))
    };
    assert_eq!(bits(&found), bits(&sent));
    assert_eq!(of_exemplars, exemplars);
}

#[tokio::test]
async fn start_timestamps_and_odd_values_are_read_back() {
    let fs = disk();
    let log = open(&fs);
    let labels = LabelSet::from_iter([("__name__", "c")]);
    let mut batch = Batch::builder(Tenant::default());
    batch.series(labels.as_labels()).sample_since(5, i64::MAX, f64::NAN).sample_since(0, i64::MIN, -0.0);
    log.append(Entry::new(&batch.build(), [Some(u64::MAX)])).await.unwrap();
    let mut replay = Replay::new(Arc::new(fs), DIR.into()).unwrap();
    let (batch, _) = replay.read().unwrap().unwrap();
    let series = batch.series(0);
    assert_eq!((series.timestamps, series.start_timestamps), (&[i64::MAX, i64::MIN][..], &[5, 0][..]));
    assert_eq!(
        series.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
        [f64::NAN.to_bits(), (-0.0f64).to_bits()]
    );
}

#[tokio::test]
async fn a_large_batch_becomes_several_records() {
    let fs = disk();
    let log = open(&fs);
    let labels = LabelSet::from_iter([("__name__", "m")]);
    let mut batch = Batch::builder(Tenant::default());
    batch.series(labels.as_labels());
    (0..300_000).for_each(|ts| {
        batch.sample(ts, 0.5);
    });
    let holds = log.append(Entry::new(&batch.build(), [Some(9)])).await.unwrap();
    assert!(holds.len() > 1);
    let (content, damage, _) = replay(&fs);
    assert!(damage.is_none());
    assert_eq!(samples(&content), 300_000);
}

#[tokio::test]
async fn those_who_wait_share_one_sync() {
    let fs = disk();
    let counts = Arc::new(Counts::default());
    let log = Log::new(Arc::new(fs.process()), DIR.into(), 1 << 20, Vec::new(), counts.clone());
    // One blocking thread writes; on this runtime's one thread all submit before any is answered.
    let answers = (0..100).map(|ts| log.append(entry("a", &[1], ts)));
    for answer in futures_util::future::join_all(answers).await {
        answer.unwrap();
    }
    assert_eq!(samples(&replay(&fs).0), 100);
    assert!(counts.groups.load(Relaxed) < 100, "{} groups", counts.groups.load(Relaxed));
}

#[tokio::test]
async fn a_segment_goes_when_nobody_holds_it() {
    let fs = disk();
    let log = open(&fs);
    let hold = log.append(entry("a", &[1], 1)).await.unwrap();
    log.rotate().await.unwrap();
    drop(log.append(entry("a", &[1], 2)).await.unwrap());
    log.rotate().await.unwrap();
    let _open = log.append(entry("a", &[1], 3)).await.unwrap();
    assert_eq!(log.reclaim().await.unwrap(), 1);
    assert_eq!(samples(&replay(&fs).0), 2);
    drop(hold);
    assert_eq!(log.reclaim().await.unwrap(), 1);
    assert_eq!(replay(&fs).0["a/m{n=\"1\"}"], [(3, 3f64.to_bits())]);
    assert_eq!(log.size().0, 1);
}

#[tokio::test]
async fn a_large_segment_goes_in_parts_and_what_is_left_of_one_is_no_segment() {
    let fs = disk();
    let (first, large) = (Path::new(DIR).join("00000000000000000001.log"), vec![0; 20 << 20]);
    fs.put(&first, large.clone());
    let log =
        Log::new(Arc::new(fs.process()), DIR.into(), SEGMENT, vec![Hold::new(1, 20 << 20)], Arc::<Counts>::default());
    log.append(entry("a", &[1], 1)).await.unwrap();
    assert_eq!(log.reclaim().await.unwrap(), 1);
    let second = [Path::new(DIR).join("00000000000000000002.log")];
    assert_eq!(segment_files(&fs), second);

    fs.put(&first.with_extension("log.gone"), large);
    let (content, damage, _) = replay(&fs);
    assert_eq!((samples(&content), damage), (1, Damage::default()));
    assert_eq!(segment_files(&fs), second);
}

#[tokio::test]
async fn an_error_of_the_disk_is_unavailable_and_the_next_entry_begins_a_segment() {
    for (op, after, fault, message) in [
        (Op::Write, 0, Fault::Full, "no storage space"),
        (Op::Write, 0, Fault::Broken, "input/output error"),
        (Op::Sync, 0, Fault::Broken, "input/output error"),
    ] {
        let fs = disk();
        let log = open(&fs);
        log.append(entry("a", &[1], 1)).await.unwrap();
        fs.inject(op, after, fault);
        let error = log.append(entry("a", &[1], 2)).await.unwrap_err();
        assert_eq!(error.kind().as_str(), "unavailable");
        assert_eq!(error.report(), format!("the log can't be written: {message}"));
        log.append(entry("a", &[1], 3)).await.unwrap();
        assert_eq!(segment_files(&fs).len(), 2);
        fs.crash(0);
        let content = replay(&fs).0;
        let found: Vec<_> = content["a/m{n=\"1\"}"].iter().map(|(ts, _)| *ts).collect();
        assert!(found.contains(&1) && found.contains(&3), "{found:?}");
    }
}

#[tokio::test]
async fn a_segment_that_can_not_be_created_leaves_nothing_behind() {
    for op in [Op::Create, Op::Write, Op::Sync, Op::SyncDir] {
        let fs = disk();
        let log = open(&fs);
        fs.inject(op, 0, Fault::Full);
        assert_eq!(
            log.append(entry("a", &[1], 1)).await.unwrap_err().report(),
            "the log can't be written: no storage space"
        );
        assert_eq!(segment_files(&fs).len(), 0);
        log.append(entry("a", &[1], 2)).await.unwrap();
        assert_eq!(samples(&replay(&fs).0), 1);
    }
}

#[tokio::test]
async fn short_writes_are_finished() {
    let fs = disk();
    let log = open(&fs);
    for n in 0..20 {
        fs.inject(Op::Write, n, Fault::Short(3));
    }
    log.append(entry("a", &[1, 2], 1)).await.unwrap();
    assert_eq!(samples(&replay(&fs).0), 2);
}

#[tokio::test]
async fn a_full_disk_recovers_when_there_is_space_again() {
    let fs = disk();
    let log = open(&fs);
    fs.set_capacity(Some(1000));
    let mut acked = 0;
    for ts in 0..40 {
        acked += usize::from(log.append(entry("a", &[1], ts)).await.is_ok());
    }
    assert!(acked > 0 && acked < 40);
    fs.set_capacity(None);
    log.append(entry("a", &[1], 50)).await.unwrap();
    fs.crash(3);
    assert!(samples(&replay(&fs).0) > acked);
}

#[tokio::test]
async fn a_closed_log_takes_nothing() {
    let log = open(&disk());
    log.close().await.unwrap();
    assert_eq!(log.append(entry("a", &[1], 1)).await.unwrap_err().kind().as_str(), "closed");
    log.close().await.unwrap();
}

/// A small segment: three records of two series, the second of which comes in the second record.
async fn small() -> Vec<u8> {
    let fs = disk();
    let log = open(&fs);
    for (series, ts) in [(&[1][..], 1), (&[1, 2], 2), (&[2], 3)] {
        log.append(entry("a", series, ts)).await.unwrap();
    }
    fs.bytes(&segment_files(&fs)[0]).unwrap()
}

fn put(bytes: Vec<u8>) -> SimFs {
    let fs = disk();
    fs.put(&Path::new(DIR).join("00000000000000000001.log"), bytes);
    fs
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_costs_only_the_record_that_it_tears() {
    let whole = small().await;
    let mut seen = 0;
    for len in 0..whole.len() {
        for pad in [0, 40] {
            let mut bytes = whole[..len].to_vec();
            bytes.resize(len + pad, 0);
            let fs = put(bytes);
            let (content, damage, _) = replay(&fs);
            assert!(samples(&content) < 4, "{len}");
            if pad == 0 && len > 0 {
                assert!(samples(&content) >= seen, "{len}");
                seen = samples(&content);
            }
            // What was torn is gone: the next start finds nothing wrong, unless there is not even a header.
            if len >= 64 {
                assert!(damage.torn + damage.bad_records <= 2, "{len}: {damage:?}");
                assert!(replay(&fs).1.torn == 0, "{len}");
            }
            assert_eq!(samples(&replay(&fs).0), samples(&content), "{len}");
        }
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn a_flipped_byte_costs_only_the_record_that_it_hits_and_those_that_lean_on_it() {
    let whole = small().await;
    for at in 0..whole.len() {
        for flip in [1u8, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let (content, damage, _) = replay(&put(bytes));
            let lost = 4 - samples(&content);
            // The second record has the labels of the second series, on which the third leans.
            assert!(lost <= 3, "{at}: {content:?}");
            assert_eq!(lost == 0, at < 64, "{at}");
            assert_eq!(damage.is_none(), at < 64, "{at}: {damage:?}");
            for samples in content.values() {
                assert!(samples.iter().all(|(ts, v)| f64::from_bits(*v) == *ts as f64), "{at}: {content:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_segment_without_a_header_is_set_aside_and_the_others_are_read() {
    let whole = small().await;
    let fs = put(whole.clone());
    let mut bad = whole;
    bad[..64].fill(0xee);
    fs.put(&Path::new(DIR).join("00000000000000000000.log"), bad);
    let (content, damage, holds) = replay(&fs);
    assert_eq!((samples(&content), damage.bad_segments, holds.len()), (4, 1, 2));
    assert!(fs.list(Path::new(DIR)).unwrap().contains(&"00000000000000000000.log.bad".to_owned()));
    assert!(replay(&fs).1.is_none());
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    for (at, to, what) in [(8, 3, "has format 3 with label encoding 1"), (10, 2, "has format 1 with label encoding 2")]
    {
        let mut bytes = small().await;
        for copy in [0, 32] {
            bytes[copy + at] = to;
            let crc = crc32c::crc32c(&bytes[copy..copy + 28]).to_le_bytes();
            bytes[copy + 28..copy + 32].copy_from_slice(&crc);
        }
        let mut replay = Replay::new(Arc::new(put(bytes)), DIR.into()).unwrap();
        let error = replay.read().unwrap_err();
        assert_eq!(error.kind().as_str(), "invalid");
        let path = "`/store/log/00000000000000000001.log`";
        let advice = "this program reads up to 2 with 1: run the newer program, or let it cut all blocks first";
        assert_eq!(error.message(), format!("log segment {path} {what}; {advice}"));
    }
}

#[tokio::test]
async fn a_disk_that_can_not_be_read_stops_the_start() {
    let fs = put(small().await);
    fs.inject(Op::Read, 1, Fault::Broken);
    let mut replay = Replay::new(Arc::new(fs), DIR.into()).unwrap();
    let error = loop {
        match replay.read() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the fault should have struck"),
            Err(error) => break error,
        }
    };
    let expect = "log segment `/store/log/00000000000000000001.log` can't be read: input/output error";
    assert_eq!(error.report(), expect);
}

#[test]
fn rubbish_in_a_segment_is_skipped() {
    for seed in corpus("log") {
        mutations(&seed, 300, fuzz::fuzz);
    }
}

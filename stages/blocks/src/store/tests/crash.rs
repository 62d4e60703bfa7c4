//! Power cuts: at random moments, with failing disks, a thousand times and more. Each takes a random part of what was not synced.

use std::cell::Cell;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::task::JoinSet;
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Batch, Tenant};

use super::known::saying;
use super::{Content, Ground, NOW, batch, content, exemplar, ground, up};
use crate::seam::sim::{Fault, Op};
use crate::store::Store;

/// What happens to a store.
#[derive(Clone, Debug)]
enum Event {
    /// A batch for some series, with so many samples.
    Append(u8, u8),
    /// So many batches at a time; the power may go meanwhile.
    Burst(u8, Option<u64>),
    Cut,
    /// The bucket fails at its next write.
    BucketFails,
    /// The disk fails, soon.
    DiskFails(Op, u8, Fault),
    /// The power goes, as the seed says.
    Crash(u64),
    /// An orderly end.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let op = prop_oneof![Just(Op::Write), Just(Op::Sync), Just(Op::Create), Just(Op::SyncDir), Just(Op::Remove)];
    let fault = prop_oneof![Just(Fault::Full), Just(Fault::Broken), (0usize..60).prop_map(Fault::Short)];
    prop_oneof![
        10 => (1u8..16, 1u8..40).prop_map(|(series, samples)| Event::Append(series, samples)),
        3 => (2u8..12, prop::option::of(any::<u64>())).prop_map(|(batches, crash)| Event::Burst(batches, crash)),
        2 => Just(Event::Cut),
        1 => Just(Event::BucketFails),
        2 => (op, 0u8..3, fault).prop_map(|(op, after, fault)| Event::DiskFails(op, after, fault)),
        2 => any::<u64>().prop_map(Event::Crash),
        1 => Just(Event::Restart),
    ]
}

/// What was sent, and of that what was acknowledged.
#[derive(Default)]
struct Book {
    next: i64,
    sent: Content,
    acked: Content,
    /// What was said of metrics, each batch of another one.
    said: Vec<Metadata>,
}

impl Book {
    /// The next batch for some series, and the names of these.
    fn send(&mut self, series: u8, samples: u8) -> (Batch, Vec<String>) {
        let names: Vec<_> =
            ["a", "b", "c", "d"].into_iter().enumerate().filter(|(i, _)| series >> i & 1 == 1).collect();
        let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        // Every third sample is late.
        let samples: Vec<_> = (0..i64::from(samples))
            .map(|i| self.next + i)
            // Every fourth one is a histogram.
            .map(|n| (n, n as f64 + if n % 4 == 1 { 0.5 } else { 0.0 }))
            .map(|(n, value)| (NOW - 1_000_000 + if n % 3 == 0 { -n } else { n }, value))
            .collect();
        self.next += samples.len() as i64;
        for name in &names {
            self.sent.entry(up(name)).or_default().extend(&samples);
        }
        let metric = Metadata { metric: format!("m{}", self.next), help: "Help.".into(), ..Metadata::default() };
        (saying(&batch(&names, &samples), &[metric]), names.into_iter().map(up).collect())
    }

    fn acked(&mut self, batch: &Batch, names: Vec<String>) {
        self.said.extend_from_slice(batch.metadata());
        for (name, series) in names.into_iter().zip(batch.iter()) {
            let samples = series.timestamps.iter().copied().zip(series.values.iter().copied());
            let histograms = series.histograms.iter().map(|point| (point.timestamp, point.histogram.sum));
            self.acked.entry(name).or_default().extend(samples.chain(histograms));
        }
    }

    async fn append(&mut self, store: &Store, series: u8, samples: u8) {
        let (batch, names) = self.send(series, samples);
        if store.append(&batch).await.is_ok() {
            self.acked(&batch, names);
        }
    }

    async fn burst(&mut self, store: &Store, batches: u8, crash: Option<(&Ground, u64)>) {
        let mut tasks = JoinSet::new();
        for n in 0..batches {
            let (store, (batch, names)) = (store.clone(), self.send(n % 15 + 1, 5));
            tasks.spawn(async move { (store.append(&batch).await.is_ok(), batch, names) });
        }
        if let Some((ground, seed)) = crash {
            for _ in 0..seed % 64 {
                tokio::task::yield_now().await;
            }
            ground.fs.crash(seed);
        }
        for (ok, batch, names) in tasks.join_all().await {
            if ok {
                self.acked(&batch, names);
            }
        }
    }

    /// Every acknowledged sample is there once, with what was said of metrics, and nothing that was never sent.
    async fn check(&self, store: &Store) {
        for said in &self.said {
            assert_eq!(store.metadata(&Tenant::default(), Some(&said.metric)).await.found, std::slice::from_ref(said));
        }
        let found = content(store).await;
        for (series, acked) in &self.acked {
            let found = found.get(series).unwrap_or_else(|| panic!("{series} is gone"));
            for sample in acked {
                assert!(found.contains(sample), "{series}: {sample:?} is gone");
            }
        }
        let exemplars = store.exemplars(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap().found;
        for (series, acked) in &self.acked {
            let kept = exemplars.iter().find(|of| of.series.to_string() == *series);
            for (ts, value) in acked.iter().filter(|(_, value)| value.fract() == 0.5) {
                let kept = kept.is_some_and(|of| of.exemplars.contains(&exemplar(*ts, *value)));
                assert!(kept, "{series}: the exemplar of {value} is gone");
            }
        }
        for (series, found) in &found {
            assert!(found.iter().all(|sample| self.sent[series].contains(sample)), "{series} has what nobody sent");
            assert!(found.is_sorted_by(|a, b| a.0 < b.0), "{series} has a sample twice");
        }
    }
}

async fn open(ground: &Ground) -> Store {
    // A disk that is told to fail may fail while the store opens; then it is tried again, as a supervisor would.
    for _ in 0..20 {
        if let Ok(store) = ground.try_open(NOW).await {
            return store;
        }
    }
    panic!("the store does not open");
}

/// Lives through `events`, and counts the power cuts among them in `cuts`.
async fn live(events: Vec<Event>, cuts: &Cell<u64>) {
    let (ground, mut book) = (ground(), Book::default());
    let mut store = open(&ground).await;
    for event in events {
        match event {
            Event::Append(series, samples) => book.append(&store, series, samples).await,
            Event::Burst(batches, crash) => {
                book.burst(&store, batches, crash.map(|seed| (&ground, seed))).await;
                if crash.is_some() {
                    drop(store);
                    store = open(&ground).await;
                    book.check(&store).await;
                    cuts.set(cuts.get() + 1);
                }
            }
            Event::Cut => {
                let _ = store.cut().await;
                let _ = store.tidy().await;
                book.check(&store).await;
            }
            Event::BucketFails => ground.shelf.fail_after.store(0, std::sync::atomic::Ordering::SeqCst),
            Event::DiskFails(op, after, fault) => ground.fs.inject(op, u32::from(after), fault),
            Event::Crash(seed) => {
                drop(store);
                ground.fs.crash(seed);
                store = open(&ground).await;
                book.check(&store).await;
                cuts.set(cuts.get() + 1);
            }
            Event::Restart => {
                let _ = store.close().await;
                drop(store);
                store = open(&ground).await;
                book.check(&store).await;
            }
        }
    }
    book.check(&store).await;
}

/// So many power cuts at least, each followed by a look at all that was acknowledged.
const CUTS: u64 = 1000;

#[test]
fn a_thousand_power_cuts_lose_no_acknowledged_sample() {
    let config = ProptestConfig { cases: 50, source_file: Some(file!()), ..ProptestConfig::default() };
    let (lives, cuts) = (prop::collection::vec(event(), 1..40), Cell::new(0));
    // How many a life has is chance: there are as many lives as it takes.
    while cuts.get() < CUTS {
        let mut runner = TestRunner::new(config.clone());
        let run = runner.run(&lives, |events| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(live(events, &cuts));
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    }
    println!("{} power cuts", cuts.get());
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_log_lost_records_has_everything_only_from_then_on() {
    // `damage` is told where the first record ends.
    let check = async |damage: &dyn Fn(&mut Vec<u8>, usize), samples: usize, is_later: bool| {
        let ground = ground();
        let segment = Path::new("/store/log/00000000000000000001.log");
        let store = ground.open().await;
        let came = store.since();
        store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
        let first = ground.fs.bytes(segment).unwrap().len();
        store.append(&batch(&["a"], &[(NOW + 1, 1.0)])).await.unwrap();
        drop(store);
        let mut bytes = ground.fs.bytes(segment).unwrap();
        damage(&mut bytes, first);
        ground.fs.put(segment, bytes);
        let store = ground.open_at(NOW + 5000).await;
        let since = store.since();
        let later = if is_later { 5000 } else { 0 };
        assert_eq!((since.began - came.began, since.from - came.from), (later, later));
        assert_eq!(content(&store).await.values().map(Vec::len).sum::<usize>(), samples);
        // Also once nothing is left that tells of it.
        store.cut().await.unwrap();
        store.close().await.unwrap();
        assert_eq!(ground.open_at(NOW + 9000).await.since(), since);
    };
    check(&|_, _| {}, 2, false).await;
    // A torn end was never acknowledged, as far as anybody can tell.
    check(&|bytes, _| _ = bytes.pop(), 1, false).await;
    check(&|bytes, first| bytes[first - 1] ^= 1, 0, true).await;
    check(&|bytes, first| bytes[..first].fill(0), 0, true).await;
}

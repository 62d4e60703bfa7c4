//! Three stores over days, and over anything that may happen to them.

use proptest::prelude::*;

use super::*;
use crate::merge::winner;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// In the place of a store's number: the bucket.
const BUCKET: u8 = 8;

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    /// So many samples to the stores of a mask, of so long ago, with such a value.
    Append {
        to: u8,
        samples: u8,
        ago: u16,
        value: u8,
    },
    Cut(usize),
    Tidy(usize),
    /// An upload of what is due, or of everything, given up after so many turns.
    Upload {
        store: usize,
        all: bool,
        turns: Option<u16>,
    },
    /// So many minutes.
    Pass(u16),
    /// It dies and comes back.
    Crash(usize, u64),
    /// It comes back without its disk.
    Replaced(usize),
    /// Somebody says that it uploads, and never ends it.
    Stuck,
}

fn event() -> impl Strategy<Value = Event> {
    let store = || 0usize..3;
    let turns = prop::option::weighted(0.3, 0u16..2000);
    prop_oneof![
        8 => (1u8..8, 1u8..12, prop_oneof![4 => Just(0u16), 1 => 0u16..2000], 0u8..3)
            .prop_map(|(to, samples, ago, value)| Event::Append { to, samples, ago, value }),
        4 => store().prop_map(Event::Cut),
        1 => store().prop_map(Event::Tidy),
        5 => (store(), any::<bool>(), turns).prop_map(|(store, all, turns)| Event::Upload { store, all, turns }),
        3 => (1u16..90).prop_map(Event::Pass),
        2 => (store(), any::<u64>()).prop_map(|(store, seed)| Event::Crash(store, seed)),
        1 => store().prop_map(Event::Replaced),
        1 => Just(Event::Stuck),
    ]
}

/// A sample that was acknowledged, and which disks it was on, or that the bucket had it.
struct Row {
    timestamp: i64,
    value: f64,
    places: u8,
}

struct World {
    local: Local,
    places: Vec<Place>,
    stores: Vec<Option<Store>>,
    reader: Store,
    rows: Vec<Row>,
    next: i64,
}

impl World {
    async fn new() -> Self {
        let local = Local::new();
        let places: Vec<Place> = NAMES.iter().map(|name| local.place(name)).collect();
        let mut stores = Vec::new();
        for place in &places {
            stores.push(Some(local.open(place).await));
        }
        let reader = local.reader().await;
        Self { local, places, stores, reader, rows: Vec::new(), next: 0 }
    }

    fn store(&self, i: usize) -> Store {
        self.stores[i].clone().unwrap()
    }

    async fn append(&mut self, to: u8, samples: u8, ago: u16, value: u8) {
        let now = self.local.clock.now();
        let times = (0..i64::from(samples)).map(|n| now - i64::from(ago) * 60_000 - 100_000 + self.next % 50_000 + n);
        // A half makes it a histogram.
        let samples: Vec<_> = times.map(|t| (t, (t % 1000) as f64 + [0.0, 1.0, 0.5][usize::from(value)])).collect();
        self.next += samples.len() as i64;
        for i in (0..3).filter(|i| to >> i & 1 == 1) {
            self.store(i).append(&batch(&["x"], &samples)).await.unwrap();
        }
        self.rows.extend(samples.into_iter().map(|(timestamp, value)| Row { timestamp, value, places: to }));
    }

    /// Notes what the bucket has.
    async fn look(&mut self) {
        let found = samples_of(&self.reader).await;
        for row in &mut self.rows {
            if found.get(&row.timestamp).is_some_and(|there| is_same_or_wins(*there, row.value)) {
                row.places |= BUCKET;
            }
        }
    }

    /// What was on a disk, and neither on another nor in the bucket, may be gone with it.
    async fn replace(&mut self, i: usize) {
        self.look().await;
        self.rows.iter_mut().for_each(|row| row.places &= !(1 << i));
        self.rows.retain(|row| row.places != 0);
        self.stores[i] = None;
        std::fs::remove_dir_all(&self.places[i].blocks).unwrap();
        self.places[i] = self.local.place(NAMES[i]);
        self.stores[i] = Some(self.local.open(&self.places[i]).await);
    }

    /// Each store, with the bucket, has what came to it.
    async fn check(&mut self) {
        self.look().await;
        for i in 0..3 {
            let found = samples_of(&self.store(i)).await;
            for row in self.rows.iter().filter(|row| row.places & (1 << i | BUCKET) != 0) {
                let there = found.get(&row.timestamp).copied();
                let is_there = there.is_some_and(|there| is_same_or_wins(there, row.value));
                assert!(is_there, "{} of {} is gone from {i}: {there:?}", row.value, row.timestamp);
            }
        }
    }

    async fn happen(&mut self, event: Event) {
        match event {
            Event::Append { to, samples, ago, value } => self.append(to, samples, ago, value).await,
            Event::Cut(i) => _ = self.store(i).cut().await.unwrap(),
            Event::Tidy(i) => _ = self.store(i).tidy().await.unwrap(),
            Event::Upload { store, all, turns } => {
                let store = self.store(store);
                let upload = tokio::spawn(async move { store.upload(all).await.map(drop) });
                if let Some(turns) = turns {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                    upload.abort();
                    let _ = upload.await;
                } else {
                    upload.await.unwrap().unwrap();
                }
                self.check().await;
            }
            Event::Pass(minutes) => tokio::time::advance(Duration::from_secs(u64::from(minutes) * 60)).await,
            Event::Crash(i, seed) => {
                self.stores[i] = None;
                self.places[i].ground.fs.crash(seed);
                self.stores[i] = Some(self.local.open(&self.places[i]).await);
            }
            Event::Replaced(i) => self.replace(i).await,
            Event::Stuck => {
                let depot = self.reader.0.depot.as_ref().unwrap();
                depot.take_over(&Tenant::default(), "somebody").await.unwrap();
            }
        }
    }

    /// All is uploaded at last, and the bucket alone has it.
    async fn end(mut self) {
        for i in 0..3 {
            let store = self.store(i);
            store.cut().await.unwrap();
            store.upload(true).await.unwrap();
            assert_eq!(store.stats().blocks, 0);
        }
        self.look().await;
        let lost = self.rows.iter().find(|row| row.places & BUCKET == 0);
        assert!(lost.is_none(), "{:?}", lost.map(|row| (row.timestamp, row.value)));
    }
}

/// Whether a value is what another one at its time was, or wins against it: a fraction of a half is that of a histogram.
fn is_same_or_wins(there: f64, value: f64) -> bool {
    let rank = |v: f64| v.fract() == 0.5;
    match (rank(there), rank(value)) {
        (true, false) => true,
        (false, true) => false,
        _ => winner(there, value).to_bits() == there.to_bits(),
    }
}

async fn samples_of(store: &Store) -> BTreeMap<i64, f64> {
    content(store).await.remove(&up("x")).unwrap_or_default().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_replicas_the_bucket_has_all_that_was_acknowledged(
        events in prop::collection::vec(event(), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for event in events {
                world.happen(event).await;
            }
            world.end().await;
        });
    }
}

/// Two series, a sample every 15 seconds, for a minute that is over.
async fn minute(store: &Store, minute: i64) {
    let samples: Vec<_> = (0..4).map(|n| (NOW + minute * 60_000 - n * 15_000, (minute * 4 + n) as f64)).rev().collect();
    store.append(&batch(&["x", "y"], &samples)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn over_half_a_day_the_bucket_has_one_copy_whoever_of_three_is_gone() {
    const MINUTES: i64 = 12 * 60;
    let local = Local::new();
    let places: Vec<Place> = NAMES.iter().map(|name| local.place(name)).collect();
    let mut stores: Vec<Option<Store>> = Vec::new();
    for place in &places {
        stores.push(Some(local.open(place).await));
    }
    let reader = local.reader().await;
    for now in 1..=MINUTES {
        tokio::time::advance(Duration::from_secs(60)).await;
        // Each is gone for two hours, one after the other.
        for (i, store) in stores.iter_mut().enumerate() {
            let is_away = (120 + i as i64 * 180..240 + i as i64 * 180).contains(&now);
            if is_away {
                *store = None;
                continue;
            }
            if store.is_none() {
                places[i].ground.fs.crash(now as u64);
                *store = Some(local.open(&places[i]).await);
            }
            let Some(store) = store else { continue };
            minute(store, now).await;
            if now % 5 == i as i64 {
                store.cut().await.unwrap();
                store.tidy().await.unwrap();
            }
            store.upload(false).await.unwrap();
        }
        if now % 60 == 0 {
            // At the latest: five minutes until the cut, and two hours from then on.
            let late = now - 5 - 120;
            let found = range(&reader, NOW - 60_000, NOW + late * 60_000).await;
            let expect = late.max(0) * 4;
            for series in found.values() {
                assert!(series.len() as i64 >= expect, "{} of {expect} after {now} minutes", series.len());
            }
            assert!(found.len() == 2 || expect == 0, "{found:?}");
        }
    }
    for store in stores.iter().flatten() {
        store.cut().await.unwrap();
        store.upload(true).await.unwrap();
        assert_eq!(store.stats().blocks, 0);
    }
    let found = content(&reader).await;
    assert_eq!(found[&up("x")].len() as i64, MINUTES * 4);
    let (blocks, samples, _) = in_bucket(&reader).await;
    // Whoever uploads has nothing left, so that its next turn is not before the age is reached that its blocks become; one
    // more each at the beginning, at midnight and at the end.
    let turns = |store: &Store| MINUTES * 60 / store.stagger(&Tenant::default()).as_secs() as i64 + 3;
    let most: i64 = stores.iter().flatten().map(turns).sum();
    println!("{samples} samples of {} in {blocks} blocks of at most {most}", MINUTES * 8);
    assert!(samples as i64 <= MINUTES * 8 * 101 / 100, "{samples} samples of {}", MINUTES * 8);
    assert!(blocks as i64 <= most, "{blocks} of {most}");
}

//! Two stores that commit to the same tables at once: each commit counts, and each sample once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::harness::moto::Moto;
use crate::harness::s3::S3;
use crate::harness::shared::{ONE, PATIENT, Place, wait_for_uploads};
use crate::harness::weir::Weir;
use crate::harness::writers::{SERIES, body, post};
use crate::harness::{http, now, soak, wait_for};

/// Each day of samples becomes a block of its own, and with it a commit; stores take samples of 30 days.
const DAYS: usize = 25;

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// How far back samples are looked for.
const RANGE: &str = "26d";

/// What both are sent; each is sent those of a sender of its own besides.
const BOTH: usize = 0;

/// Two stores over one bucket.
struct Pair {
    stores: [Weir; 2],
    /// The timestamps of each sender.
    acked: BTreeMap<usize, Vec<i64>>,
    start: i64,
}

impl Pair {
    fn open(place: &Place, dir: &Path) -> Self {
        // Each uploads its own, without a look at the other.
        let env = [("UPLOAD_AFTER", "1s"), ("ONE_COPY", "false"), PATIENT];
        let open = |name: &str| place.open(&dir.join(name), ONE, &env);
        Self { stores: [open("one"), open("two")], acked: BTreeMap::new(), start: now() - 60_000 }
    }

    /// Sends both stores samples of as many days, at the same time, and waits until they have committed them.
    fn round(&mut self, round: usize) {
        let days = |round: usize| (0..DAYS as i64).map(move |day| (day, round as i64 * 1000));
        let timestamps: Vec<i64> = days(round).map(|(day, later)| self.start - day * DAY + later).collect();
        let send = |to: &Weir, own: usize| {
            for (sender, at) in
                [BOTH, own].into_iter().flat_map(|sender| timestamps.iter().map(move |at| (sender, *at)))
            {
                let answer = post(to.receive, &body(sender, at)).unwrap();
                assert_eq!(answer.status, 204, "{}", answer.text());
            }
        };
        let wanted: Vec<f64> = self.stores.iter().map(|store| uploads(store) + DAYS as f64).collect();
        std::thread::scope(|scope| {
            for (own, store) in (1..).zip(&self.stores) {
                scope.spawn(move || send(store, own));
            }
        });
        for (store, wanted) in self.stores.iter().zip(wanted) {
            wait_for("as many uploads as days", Duration::from_secs(300), || (uploads(store) >= wanted).then_some(()));
            wait_for_uploads(store);
        }
        for sender in [BOTH, 1, 2] {
            self.acked.entry(sender).or_default().extend(&timestamps);
        }
    }

    /// How many samples there are.
    fn total(&self) -> usize {
        self.acked.values().map(|timestamps| timestamps.len() * SERIES).sum()
    }

    /// How many commits both have made. Each made `least` of them.
    fn commits(&self, least: usize) -> usize {
        let made: Vec<usize> = self.stores.iter().map(|store| uploads(store) as usize).collect();
        assert!(made.iter().all(|n| *n >= least), "{made:?} uploads, {least} of each were wanted");
        made.iter().sum()
    }
}

fn uploads(store: &Weir) -> f64 {
    store.metric("thanos_shipper_uploads_total")
}

/// That a fresh store has each sample, and as many of them as were sent; and that others count as many.
fn check(place: &Place, dir: &Path, pair: &Pair) {
    let fresh = place.check(dir, &pair.acked, RANGE);
    let query = format!("sum(count_over_time(crash_total[{RANGE}]))");
    let counted = http::api_raw(fresh.api, "query", &[("query", &query)]).unwrap();
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    assert_eq!(counted.get("warnings"), None, "{counted}");
    assert_eq!(counted["data"]["result"][0]["value"][1], pair.total().to_string(), "{counted}");
    place.others_read_the_same(&fresh, pair.total(), RANGE);
}

#[test]
fn two_stores_that_commit_at_once_a_hundred_times_lose_no_commit_and_count_no_sample_twice() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path());
    let mut pair = Pair::open(&s3.place(), dir.path());
    let rounds = 4 * soak() as usize;
    (0..rounds).for_each(|round| pair.round(round));
    let made = pair.commits(rounds * DAYS);

    let log = "default-tenant/raw/_delta_log/";
    let files = std::fs::read_dir(s3.bucket().join(log)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let commits: BTreeSet<String> = names.filter(|name| is_commit(name)).collect();
    // Numbered without a gap, and the first may have made the table.
    let last = commits.last().unwrap().trim_end_matches(".json").parse::<usize>().unwrap();
    assert_eq!(commits.len(), last + 1, "{commits:?}");
    assert!((made..=made + 1).contains(&commits.len()), "{} commits of {made} uploads", commits.len());

    // They met: both put the same commit, and one of them lost.
    let requests = s3.faults().requests.lock().unwrap().clone();
    let put = |request: &&String| request.starts_with("PUT ") && request.contains(log) && request.ends_with(".json");
    let puts = requests.iter().filter(put).count();
    assert!(puts > commits.len(), "{puts} puts of {} commits: the stores never met", commits.len());
    println!(
        "{made} uploads by two stores, {} commits, {} puts of them lost to the other store",
        commits.len(),
        puts - commits.len()
    );
    check(&s3.place(), dir.path(), &pair);
}

/// Whether a file of a log is a commit: a number of 20 digits.
fn is_commit(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn two_stores_commit_at_once_to_another_s3_server_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let Some(moto) = Moto::start(dir.path()) else { return };
    let mut pair = Pair::open(&moto.place, dir.path());
    pair.round(0);
    let made = pair.commits(DAYS);
    let commits = moto.count("default-tenant/raw/_delta_log/", ".json");
    assert!((made..=made + 1).contains(&commits), "{commits} commits of {made} uploads");
    check(&moto.place, dir.path(), &pair);
}

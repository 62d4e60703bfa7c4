//! Jobs over reloads, in paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use weir_pipeline::exposition::Format;
use weir_pipeline::testing::{self, Recorder};
use weir_pipeline::{Ack, Context, Departure, Error, Result, Write};

use super::super::pool::Pool;
use super::super::telemetry::Telemetry;
use super::super::tests::{job, show};
use super::*;

/// Targets that all answer as the test says, after as long as it says.
#[derive(Clone)]
struct Script(Arc<Mutex<(Duration, &'static str)>>);

impl Fetch for Script {
    async fn fetch(&self, _: &Target, _: &Job) -> Result<Fetched, Failure> {
        let (takes, body) = *self.0.lock().unwrap();
        sleep(takes).await;
        Ok(Fetched { body: body.into(), format: Format::Text })
    }
}

/// A job that runs, and is replaced.
struct Ground {
    context: Context,
    script: Script,
    rest: Recorder<Write>,
    /// What the rest of the pipeline took.
    taken: Arc<Mutex<Vec<Batch>>>,
    /// Whether the rest of the pipeline takes nothing.
    is_away: Arc<AtomicBool>,
    running: JoinHandle<Result<(String, JobLeft)>>,
}

/// The settings of a job with these targets, which are scraped every 15 s.
fn listed(targets: &str, settings: &str) -> String {
    format!("scrape_interval: 15s, static_configs: [ {{ targets: [{targets}] }} ], {settings}")
}

fn start(settings: &str, body: &'static str) -> Ground {
    let (context, script) = (testing::context(), Script(Arc::new(Mutex::new((Duration::ZERO, body)))));
    let is_away = Arc::<AtomicBool>::default();
    let taken = Arc::<Mutex<Vec<Batch>>>::default();
    let (away, keep) = (is_away.clone(), taken.clone());
    let rest = Recorder::<Write>::new(move |batch| {
        if away.load(SeqCst) {
            return Err(Error::unavailable("away"));
        }
        keep.lock().unwrap().push(batch.clone());
        Ok(Ack::written(batch.sample_count() as u64))
    });
    let running = run(settings, &context, &script, &rest, JobLeft::default());
    Ground { context, script, rest, taken, is_away, running }
}

fn run(
    settings: &str,
    context: &Context,
    script: &Script,
    rest: &Recorder<Write>,
    left: JobLeft,
) -> JoinHandle<Result<(String, JobLeft)>> {
    let parts = (context.clone(), rest.next(), Arc::new(Telemetry::new(context)), Tenant::default());
    tokio::spawn(Pool::new(job(settings), script.clone(), parts, left).run())
}

impl Ground {
    /// Has the job go, and says what it leaves.
    async fn dismiss(&mut self, why: Departure) -> JobLeft {
        self.context.dismiss(why);
        let (name, left) = (&mut self.running).await.unwrap().unwrap();
        assert_eq!(name, "j");
        let (clock, metrics) = (self.context.clock.clone(), self.context.metrics.clone());
        self.context = Context::new(clock, metrics, CancellationToken::new()).at("test", "test.stages[0]");
        left
    }

    async fn reload(&mut self, settings: &str) {
        let left = self.dismiss(Departure::Replaced).await;
        self.running = run(settings, &self.context, &self.script, &self.rest, left);
    }

    fn body(&self, body: &'static str) {
        self.script.0.lock().unwrap().1 = body;
    }

    /// Lets so many seconds pass, and says what was sent meanwhile.
    async fn after(&self, seconds: u64) -> Vec<String> {
        let before = self.sent().len();
        // In small steps: looking at files takes real time.
        for _ in 0..seconds * 4 {
            sleep(Duration::from_millis(250)).await;
        }
        self.sent().split_off(before)
    }

    /// All that was sent and taken.
    fn sent(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().flat_map(show).collect()
    }
}

/// The values of each series of a metric, and their times, by the series' `instance`.
fn values(lines: &[String], metric: &str) -> BTreeMap<String, Vec<(String, i64)>> {
    let mut all: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    for line in lines {
        let Some(rest) = line.strip_prefix(&format!("{metric}{{instance=\"")) else { continue };
        let (instance, rest) = rest.split_once('"').unwrap();
        let (_, sample) = rest.split_once("} ").unwrap();
        let (value, at) = sample.split_once(' ').unwrap();
        all.entry(instance.to_owned()).or_default().push((value.to_owned(), at.parse().unwrap()));
    }
    all
}

/// The values of a metric of `h:80`.
fn of_h(lines: &[String], metric: &str) -> Vec<(String, i64)> {
    values(lines, metric).remove("h:80").unwrap_or_default()
}

fn texts(samples: &[(String, i64)]) -> Vec<&str> {
    samples.iter().map(|(value, _)| value.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_target_that_stays_goes_on_as_if_nothing_had_happened() {
    let mut ground = start(&listed("'h:80'", ""), "# HELP a A.\na 1\nb 2\n");
    ground.after(40).await;
    ground.body("# HELP a A.\na 1\n");
    ground.reload(&listed("'h:80'", "scrape_timeout: 5s")).await;
    ground.after(40).await;
    let sent = ground.sent();
    let (a, b, up) = (of_h(&sent, "a"), of_h(&sent, "b"), of_h(&sent, "up"));
    assert!(a.len() >= 5 && a.iter().all(|(value, _)| value == "1"), "{a:?}");
    // The one that vanished between ends once, in the first scrape after it.
    assert_eq!(texts(&b).iter().filter(|value| **value == "stale").count(), 1, "{b:?}");
    assert_eq!(b.last().unwrap(), &("stale".to_owned(), a[b.len() - 1].1));
    assert_eq!(texts(&up), vec!["1"; a.len()]);
    // None is lost, and none doubled.
    assert!(a.windows(2).all(|two| two[1].1 - two[0].1 == 15_000), "{a:?}");
    let added = of_h(&sent, "scrape_series_added");
    assert!(texts(&added)[0] == "2" && texts(&added)[1..].iter().all(|value| *value == "0"), "{added:?}");
    let said = ground.rest.requests().iter().filter(|batch| !batch.metadata().is_empty()).count();
    assert_eq!(said, 1);
    let pools = ground.context.targets().pools();
    assert_eq!(pools[0].active.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_ends_at_its_next_time_and_a_new_one_begins() {
    let mut ground = start(&listed("'h:80', 'i:80'", ""), "a 1\n");
    ground.after(40).await;
    ground.reload(&listed("'i:80', 'k:80'", "")).await;
    ground.after(60).await;
    let sent = ground.sent();
    for metric in ["a", "up"] {
        let all = values(&sent, metric);
        let h = &all["h:80"];
        assert_eq!(texts(h).iter().filter(|value| **value == "stale").count(), 1, "{h:?}");
        assert!(h.windows(2).all(|two| two[1].1 - two[0].1 == 15_000) && h.last().unwrap().0 == "stale", "{h:?}");
        assert!(texts(&all["i:80"]).iter().all(|value| *value == "1"), "{all:?}");
        assert!(all["k:80"].len() >= 3, "{all:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_interval_or_path_ends_no_series() {
    let mut ground = start(&listed("'h:80'", ""), "a 1\nb 2\n");
    ground.after(40).await;
    let other = listed("'h:80'", "metrics_path: /other").replace("15s", "5s");
    ground.reload(&other).await;
    ground.body("a 1\n");
    let after = ground.after(21).await;
    let (a, b) = (of_h(&after, "a"), of_h(&after, "b"));
    assert!(a.len() >= 4 && texts(&a).iter().all(|value| *value == "1"), "{a:?}");
    assert_eq!(texts(&b), ["stale"]);
    let times: Vec<i64> = of_h(&ground.sent(), "up").iter().map(|(_, at)| *at).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_was_under_way_is_made_up_for() {
    let mut ground = start(&listed("'h:80'", ""), "a 1\n");
    ground.after(31).await;
    ground.script.0.lock().unwrap().0 = Duration::from_secs(4);
    let before = ground.sent().len();
    // Until one has begun.
    for _ in 0..150 {
        sleep(Duration::from_millis(100)).await;
    }
    let (mut reloads, mut seen) = (0, before);
    while reloads < 2 {
        sleep(Duration::from_millis(100)).await;
        if ground.sent().len() != seen {
            // Thirteen seconds after the end of one the next is on its way.
            sleep(Duration::from_secs(13)).await;
            ground.reload(&listed("'h:80'", "")).await;
            (reloads, seen) = (reloads + 1, ground.sent().len());
        }
    }
    ground.after(40).await;
    let a = of_h(&ground.sent(), "a");
    // At most as late as what was interrupted had gone on.
    assert!(a.windows(2).all(|two| (11_000..=19_000).contains(&(two[1].1 - two[0].1))), "{a:?}");
    assert!(texts(&a).iter().all(|value| *value == "1"), "{a:?}");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_yet_is_sent_after_the_reload() {
    let mut ground = start(&listed("'h:80'", ""), "a 1\n");
    ground.after(31).await;
    ground.is_away.store(true, SeqCst);
    let offered = ground.rest.requests().len();
    while ground.rest.requests().len() == offered {
        sleep(Duration::from_millis(100)).await;
    }
    // It is offered again and again.
    ground.reload(&listed("'h:80'", "")).await;
    ground.after(2).await;
    ground.is_away.store(false, SeqCst);
    ground.after(40).await;
    let times: Vec<i64> = of_h(&ground.sent(), "a").iter().map(|(_, at)| *at).collect();
    assert!(times.windows(2).all(|two| two[1] - two[0] == 15_000), "{times:?}");
    let lost = "weir_scrape_samples_lost_total{";
    assert!(!ground.context.metrics.encode().lines().any(|line| line.starts_with(lost)));
}

#[tokio::test(start_paused = true)]
async fn targets_of_a_list_stay_while_the_list_can_not_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.json");
    std::fs::write(&path, r#"[{"targets": ["h:80", "i:80"]}]"#).unwrap();
    let settings = format!("scrape_interval: 15s, file_sd_configs: [ {{ files: ['{}'] }} ]", path.display());
    let mut ground = start(&settings, "a 1\n");
    ground.after(40).await;
    std::fs::write(&path, "[{").unwrap();
    ground.reload(&settings).await;
    let after = ground.after(40).await;
    for (instance, up) in values(&after, "up") {
        assert!(up.len() >= 2 && texts(&up).iter().all(|value| *value == "1"), "{instance}: {up:?}");
    }
    // What the list does not have any more ends.
    std::fs::write(&path, r#"[{"targets": ["h:80"]}]"#).unwrap();
    ground.reload(&settings).await;
    let after = values(&ground.after(40).await, "up");
    assert_eq!(texts(&after["i:80"]).iter().filter(|value| **value == "stale").count(), 1, "{after:?}");
    assert!(texts(&after["h:80"]).iter().all(|value| *value == "1"), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_no_more_ends_its_series_and_a_program_that_stops_does_not() {
    for (why, ends) in [(Departure::Removed, 1), (Departure::Stop, 0)] {
        let mut ground = start(&listed("'h:80'", ""), "a 1\n");
        ground.after(40).await;
        let left = ground.dismiss(why).await;
        assert!(left.targets.is_empty());
        for metric in ["a", "up", "scrape_duration_seconds"] {
            let samples = of_h(&ground.sent(), metric);
            assert_eq!(texts(&samples).iter().filter(|value| **value == "stale").count(), ends, "{samples:?}");
            assert!(samples.is_sorted_by(|a, b| a.1 < b.1), "{samples:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn targets_of_a_job_that_is_no_more_and_of_another_tenant_end() {
    let mut ground = start(&listed("'h:80'", ""), "a 1\n");
    ground.after(40).await;
    let left = ground.dismiss(Departure::Replaced).await;
    let mut heritage = Heritage(HashMap::from([("j".to_owned(), left)]));
    let other: Tenant = "other".parse().unwrap();
    assert!(heritage.take("j", &other).targets.is_empty() && heritage.take("k", &Tenant::default()).targets.is_empty());
    let rest: Vec<Left> = heritage.into_rest().collect();
    assert_eq!(rest.len(), 1);
    for left in rest {
        let parts =
            (ground.context.clone(), ground.rest.next(), Arc::new(Telemetry::new(&ground.context)), other.clone());
        assert!(left.end(parts).await.1.targets.is_empty());
    }
    let a = of_h(&ground.sent(), "a");
    assert_eq!(texts(&a).iter().filter(|value| **value == "stale").count(), 1, "{a:?}");
    assert!(a.windows(2).all(|two| two[1].1 - two[0].1 == 15_000) && a.last().unwrap().0 == "stale", "{a:?}");
    assert_eq!(ground.rest.requests().last().unwrap().tenant(), &Tenant::default());
}

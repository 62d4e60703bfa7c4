//! The life of a target, in paused time and without sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Mutex;

use weir_pipeline::exposition::Format;
use weir_pipeline::testing::{self, Recorder};
use weir_pipeline::{Ack, Error};

use super::super::fetch::Fetched;
use super::super::tests::{job, show};
use super::*;

/// A target that answers as the test says, after as long as it says.
#[derive(Clone)]
struct Script(Arc<Mutex<(Duration, Result<&'static str, &'static str>)>>);

impl Script {
    fn new(body: &'static str) -> Self {
        Self(Arc::new(Mutex::new((Duration::ZERO, Ok(body)))))
    }

    fn set(&self, answer: Result<&'static str, &'static str>) {
        self.0.lock().unwrap().1 = answer;
    }

    fn take_long(&self, time: Duration) {
        self.0.lock().unwrap().0 = time;
    }
}

impl Fetch for Script {
    async fn fetch(&self, _: &Target, _: &Job) -> Result<Fetched, Failure> {
        let (time, answer) = *self.0.lock().unwrap();
        sleep(time).await;
        let body = answer.map_err(|message| Failure::new(Reason::Connect, message))?;
        Ok(Fetched { body: body.into(), format: Format::Text })
    }
}

/// A worker for a target that is scraped every 15 s.
struct Setup {
    context: Context,
    script: Script,
    rest: Recorder<Write>,
    worker: Option<Worker<Script>>,
}

fn setup(settings: &str, body: &'static str) -> Setup {
    let context = testing::context();
    let rest = Recorder::<Write>::new(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    let job = job(&format!("scrape_interval: 15s, static_configs: [ {{ targets: [h] }} ], {settings}"));
    let target = job.targets().remove(0);
    let telemetry = Arc::new(Telemetry::new(&context));
    let script = Script::new(body);
    let parts = (context.clone(), rest.next(), telemetry, Tenant::default());
    let worker = Some(Worker::new(Arc::new(job), target, script.clone(), parts));
    Setup { context, script, rest, worker }
}

impl Setup {
    /// What a scrape at `at` sends, without the target's labels.
    async fn scrape(&mut self, at: i64) -> Vec<String> {
        plain(&self.worker.as_mut().unwrap().scrape(at).await)
    }

    fn start(&mut self) -> tokio::task::JoinHandle<Option<Left>> {
        tokio::spawn(self.worker.take().unwrap().run())
    }

    fn metric(&self, line: &str) -> bool {
        self.context.metrics.encode().lines().any(|l| l == line)
    }
}

fn plain(batch: &Batch) -> Vec<String> {
    show(batch).into_iter().map(|line| line.replace("{instance=\"h\", job=\"j\"}", "")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_scrape_comes_with_its_report() {
    let mut setup = setup("", "a 1\nb 2 5\n");
    setup.script.take_long(Duration::from_millis(250));
    assert_eq!(
        setup.scrape(7).await,
        [
            "a 1 7",
            "b 2 5",
            "up 1 7",
            "scrape_duration_seconds 0.25 7",
            "scrape_samples_scraped 2 7",
            "scrape_samples_post_metric_relabeling 2 7",
            "scrape_series_added 2 7",
        ]
    );
    setup.script.set(Ok("a 1\nc 1\n"));
    let second = setup.scrape(8).await;
    assert_eq!(second[..3], ["a 1 8", "c 1 8", "up 1 8"]);
    assert_eq!(second[6], "scrape_series_added 1 8");
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_fails_ends_all_series_once() {
    let mut setup = setup("", "a 1\nb 2 5\n");
    setup.scrape(1).await;
    setup.script.set(Err("refused"));
    assert_eq!(
        setup.scrape(2).await,
        [
            "a stale 2",
            "up 0 2",
            "scrape_duration_seconds 0 2",
            "scrape_samples_scraped 0 2",
            "scrape_samples_post_metric_relabeling 0 2",
            "scrape_series_added 0 2",
        ]
    );
    assert_eq!(setup.scrape(3).await[0], "up 0 3");
    setup.script.set(Ok("a 1\n"));
    let back = setup.scrape(4).await;
    assert_eq!((back[0].as_str(), back[1].as_str(), back[5].as_str()), ("a 1 4", "up 1 4", "scrape_series_added 0 4"));
    assert!(setup.metric("weir_scrape_scrapes_total{pipeline=\"test\",scrape_job=\"j\",result=\"connect\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_body_with_a_mistake_is_sent() {
    let mut setup = setup("", "a 1\n");
    setup.scrape(1).await;
    setup.script.set(Ok("a 2\nb 2\nc x\n"));
    assert_eq!(
        setup.scrape(2).await,
        [
            "a stale 2",
            "up 0 2",
            "scrape_duration_seconds 0 2",
            "scrape_samples_scraped 2 2",
            "scrape_samples_post_metric_relabeling 2 2",
            "scrape_series_added 0 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn limits_and_left_out_samples_are_counted_as_prometheus_counts_them() {
    let mut setup = setup("sample_limit: 1, label_limit: 3", "a 1\na 2\nb 1 9999999999999\n");
    setup.scrape(1).await;
    setup.script.set(Ok("a 1\nb 1\n"));
    setup.scrape(2).await;
    setup.script.set(Ok("a{b=\"c\"} 1\n"));
    setup.scrape(3).await;
    for name in [
        "prometheus_target_scrapes_exceeded_sample_limit",
        "prometheus_target_scrape_pool_exceeded_label_limits",
        "prometheus_target_scrapes_sample_duplicate_timestamp",
        "prometheus_target_scrapes_sample_out_of_bounds",
    ] {
        assert!(setup.metric(&format!("{name}_total{{pipeline=\"test\",scrape_job=\"j\"}} 1")), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_answer_in_time_is_down() {
    let mut setup = setup("scrape_timeout: 3s", "a 1\n");
    setup.script.take_long(Duration::from_secs(4));
    assert_eq!(setup.scrape(1).await[..2], ["up 0 1", "scrape_duration_seconds 3 1"]);
    assert!(setup.metric("weir_scrape_scrapes_total{pipeline=\"test\",scrape_job=\"j\",result=\"timeout\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn scrapes_come_at_steady_times() {
    let mut setup = setup("", "a 1\n");
    let offset = Schedule::new(Duration::from_secs(15), setup.worker.as_ref().unwrap().target.hash()).first(0);
    setup.script.take_long(Duration::from_secs(2));
    let running = setup.start();
    sleep(Duration::from_secs(60)).await;
    setup.context.shutdown.cancel();
    running.await.unwrap();
    let times: Vec<_> = setup.rest.requests().iter().map(|batch| batch.series(0).timestamps[0]).collect();
    assert!((3..=4).contains(&times.len()), "{times:?}");
    assert!(times.iter().all(|time| time.rem_euclid(15_000) == offset), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 15_000), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_uses_up_the_interval_is_down_in_each() {
    let mut setup = setup("scrape_timeout: 15s", "a 1\n");
    setup.script.take_long(Duration::from_secs(9999));
    let running = setup.start();
    sleep(Duration::from_secs(95)).await;
    setup.context.shutdown.cancel();
    running.await.unwrap();
    let times: Vec<_> = setup.rest.requests().iter().map(|batch| batch.series(0).timestamps[0]).collect();
    assert!((4..=6).contains(&times.len()), "{times:?}");
    assert!(times.windows(2).all(|pair| (15_000..15_010).contains(&(pair[1] - pair[0]))), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_taken_is_lost_when_the_next_scrape_is_due() {
    let mut setup = setup("", "a 1\n");
    setup.rest.answer(|_| Err(Error::unavailable("busy")));
    let running = setup.start();
    sleep(Duration::from_secs(40)).await;
    setup.rest.answer(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    sleep(Duration::from_secs(15)).await;
    setup.context.shutdown.cancel();
    running.await.unwrap();
    let all = setup.rest.requests();
    let times: Vec<_> = all.iter().map(|batch| batch.series(0).timestamps[0]).collect();
    // Attempts of one scrape have one time, and no two scrapes overlap.
    assert!(times.is_sorted() && times.len() > 10, "{times:?}");
    let metrics = setup.context.metrics.encode();
    let lost = "weir_scrape_samples_lost_total{pipeline=\"test\",scrape_job=\"j\",reason=\"unavailable\"} ";
    let lost = metrics.lines().find_map(|line| line.strip_prefix(lost)).unwrap();
    assert!(matches!(lost, "6" | "12"), "{lost}");
    let taken = "weir_scrape_samples_total{pipeline=\"test\",scrape_job=\"j\"} ";
    assert!(metrics.lines().any(|line| line.starts_with(taken)), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_program_writes_no_markers() {
    let mut setup = setup("", "a 1\n");
    let running = setup.start();
    sleep(Duration::from_secs(16)).await;
    setup.context.shutdown.cancel();
    running.await.unwrap();
    let all: Vec<_> = setup.rest.requests().iter().flat_map(plain).collect();
    assert!(!all.is_empty() && all.iter().all(|line| !line.contains("stale")), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scrape_in_progress_is_given_up_at_the_end() {
    let mut setup = setup("", "a 1\n");
    setup.script.take_long(Duration::from_secs(9));
    let running = setup.start();
    sleep(Duration::from_secs(16)).await;
    let sent = setup.rest.requests().len();
    setup.script.take_long(Duration::from_secs(9999));
    setup.context.shutdown.cancel();
    running.await.unwrap();
    assert_eq!(setup.rest.requests().len(), sent);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_metrics_is_sent_when_it_is_new_or_changes_and_now_and_then() {
    let mut setup = setup("", "# HELP a One.\na 1\n");
    let running = setup.start();
    sleep(Duration::from_secs(60)).await;
    let said = |setup: &Setup| setup.rest.requests().iter().map(|b| b.metadata().len()).collect::<Vec<_>>();
    assert_eq!(said(&setup)[..3], [1, 0, 0]);
    setup.script.set(Ok("# HELP a Two.\na 1\n"));
    let before = setup.rest.requests().len();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(said(&setup)[before..][..3], [0, 1, 0]);
    let before = setup.rest.requests().len();
    sleep(Duration::from_secs(630)).await;
    assert_eq!(said(&setup)[before..].iter().sum::<usize>(), 1);
    setup.context.shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn others_see_how_the_last_scrape_went_as_long_as_the_worker_lives() {
    let mut setup = setup("scrape_timeout: 5s", "a 1\n");
    let seen = |setup: &Setup| setup.context.targets().pools().remove(0).active.remove(0);
    let active = seen(&setup);
    assert_eq!((active.info.url.as_str(), active.last), ("http://h/metrics", None));
    assert_eq!(active.info.labels.to_string(), r#"{instance="h", job="j"}"#);
    assert_eq!(
        active.info.discovered.to_string(),
        r#"{__address__="h", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="15s", __scrape_timeout__="5s", job="j"}"#
    );
    setup.scrape(1000).await;
    assert_eq!(seen(&setup).last, Some(LastScrape { at: 1000, took: Duration::ZERO, error: None }));
    setup.script.set(Err("broken"));
    setup.scrape(2000).await;
    assert_eq!(seen(&setup).last.and_then(|last| last.error), Some("broken".to_owned()));
    let targets = setup.context.targets().clone();
    drop(setup.worker.take());
    assert!(targets.pools().is_empty());
}

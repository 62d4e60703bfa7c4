//! A receiver that is away, for 40 s in CI and ten minutes in `bench/soak.sh`, while a Prometheus goes on scraping: afterwards
//! Weir has each sample that the Prometheus has itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Points, number, points, seconds};
use crate::harness::peers;
use crate::harness::process::free_address;
use crate::harness::target::{METRIC, Target};
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now, pause, phase, soak, wait_for};

/// How long the receiver is away, in CI.
const AWAY: Duration = Duration::from_secs(40);

/// How long it may take to catch up, in CI.
const CATCH_UP: Duration = Duration::from_secs(180);

/// How far behind a series may be of which all came as soon as it was scraped: a second is from scrape to scrape.
const CLOSE: f64 = 5.0;

const SERIES: usize = 5000;

/// What a question is for at a time: an answer of all samples would be large.
const PARTS: usize = 50;

/// What is measured of a way from Prometheus to Weir.
#[derive(Clone, Copy)]
struct Way {
    prometheus: SocketAddr,
    weir: SocketAddr,
}

#[test]
fn a_prometheus_whose_receiver_was_away_catches_up_and_nothing_is_missing() {
    let (dir, begin) = (tempfile::tempdir().unwrap(), Instant::now());
    let target = Target::start(SERIES, PARTS);
    let mut weir = Weir::new(dir.path(), PIPELINES);
    // Cuts fall into the time in which it catches up.
    let env = [("CUT_AFTER", "5s")];
    weir.start(&env);
    let address = free_address();
    let Some(_prometheus) = peers::prometheus_at(dir.path(), &config(address, target.address, &weir), address) else {
        return;
    };
    let way = Way { prometheus: address, weir: weir.api };
    wait_for("all series", Duration::from_secs(120), || way.is_close().then_some(()));
    let mut before = 0.0_f64;
    for _ in 0..20 {
        pause(Duration::from_millis(250));
        before = before.max(way.lag());
    }

    let gone = Instant::now();
    weir.kill();
    phase(AWAY);
    weir.start(&env);
    let (away, back) = (gone.elapsed(), Instant::now());
    let mut lag = 0.0_f64;
    wait_for("Prometheus to catch up", CATCH_UP * soak(), || {
        lag = lag.max(way.lag());
        // What is asked costs Weir as much as what is written.
        pause(Duration::from_millis(200));
        way.is_close().then_some(())
    });
    let recovery = back.elapsed();
    assert!(lag > AWAY.as_secs_f64() * f64::from(soak()) / 2.0, "the largest lag was {lag} s: it was not away");

    let of_theirs = |name: &str| http::metric(address, &format!("prometheus_remote_storage_samples_{name}_total"));
    assert_eq!((of_theirs("failed"), of_theirs("dropped")), (0.0, 0.0));
    let parts = (0..PARTS).map(|part| format!("{METRIC}{{part=\"{part}\"}}"));
    let rest = [r#"{job="prometheus"}"#.to_owned(), format!(r#"{{job="target",__name__!="{METRIC}"}}"#)];
    let (end, range) = (now(), begin.elapsed().as_secs() + 60);
    let samples: usize = parts.chain(rest).map(|selector| way.compare(&selector, range, end)).sum();
    // A scrape may be missed on a busy machine, but most are there.
    let least = SERIES * away.as_secs() as usize / 2;
    assert!(samples > least, "Prometheus had {samples} samples only");
    println!(
        "away for {:.0} s: caught up after {:.1} s, largest lag {lag:.0} s ({before:.0} s before); all {samples} samples there",
        away.as_secs_f64(),
        recovery.as_secs_f64(),
    );
    weir.stop();
}

/// A Prometheus that scrapes the target and itself.
fn config(own: SocketAddr, target: SocketAddr, weir: &Weir) -> String {
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
remote_write: [ {{ url: 'http://{}/api/v1/receive', queue_config: {{ batch_send_deadline: 500ms }} }} ]
scrape_configs:
- {{ job_name: target, static_configs: [ {{ targets: ['{target}'] }} ] }}
- {{ job_name: prometheus, static_configs: [ {{ targets: ['{own}'] }} ] }}
",
        weir.receive
    )
}

// === impl Way ===

impl Way {
    /// How many seconds what is sent is behind what is scraped, by Prometheus' own account.
    fn lag(&self) -> f64 {
        let of = |name: &str| http::metric(self.prometheus, &format!("prometheus_remote_storage_{name}"));
        of("highest_timestamp_in_seconds") - of("queue_highest_sent_timestamp_seconds")
    }

    /// Whether Weir has a sample of the last seconds of each series.
    fn is_close(&self) -> bool {
        let query = format!("min(timestamp({METRIC})) and on () (count({METRIC}) == {SERIES})");
        let answer = http::api(self.weir, "query", &[("query", &query)]);
        let oldest = answer["result"][0]["value"][1].as_str().map(|_| number(&answer["result"][0]["value"][1]));
        oldest.is_some_and(|oldest| now() as f64 / 1000.0 - oldest < CLOSE)
    }

    /// Waits until Weir has the same samples of a selector as Prometheus, of so many seconds before a time, and says how many
    /// these are.
    fn compare(&self, selector: &str, range: u64, end: i64) -> usize {
        let (query, time) = (format!("{selector}[{range}s]"), seconds(end));
        let ask = |at| points(&http::api(at, "query", &[("query", &query), ("time", &time)]));
        let (theirs, begin) = (ask(self.prometheus), Instant::now());
        assert!(!theirs.is_empty(), "Prometheus has nothing of {selector}");
        while let Some(difference) = difference(&theirs, &ask(self.weir)) {
            assert!(begin.elapsed() < Duration::from_secs(60), "{selector}: {difference}");
            pause(Duration::from_millis(200));
        }
        theirs.values().map(Vec::len).sum()
    }
}

/// The first difference of two answers, bit for bit.
fn difference(theirs: &Points, ours: &Points) -> Option<String> {
    let bits = |points: &[(i64, f64)]| points.iter().map(|(at, value)| (*at, value.to_bits())).collect::<Vec<_>>();
    let other = theirs.iter().find(|(labels, points)| {
        let own = ours.get(*labels).map(|points| bits(points));
        own != Some(bits(points))
    });
    if let Some((labels, points)) = other {
        let own = ours.get(labels).map_or(&[][..], Vec::as_slice);
        let missing: Vec<_> = points.iter().filter(|point| !own.contains(point)).collect();
        return Some(format!("{labels}: {} of {} samples are not there: {missing:?}", missing.len(), points.len()));
    }
    let more = ours.keys().find(|labels| !theirs.contains_key(*labels));
    more.map(|labels| format!("{labels}: Prometheus has no such series"))
}

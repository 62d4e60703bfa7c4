//! One connection: requests out in turn, replies counted.

use std::collections::BTreeMap;
use std::time::Instant;

use hyper::Method;
use tokio::sync::mpsc;
use weir_stages::remote_write::VERSION;

use super::{Quantiles, Ready, Report, Server, Shape, Timed, due};
use crate::Result;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::process::Cpu;

/// What a connection counted.
#[derive(Default)]
pub(super) struct Tally {
    sent: u64,
    pub(super) taken: u64,
    requests: u64,
    bytes: u64,
    failures: BTreeMap<String, u64>,
    first_failure: Option<String>,
    latencies: Latencies,
    each: Vec<Timed>,
    last_timestamp: i64,
}

/// Sends what the queue holds until it ends, or until the run's time is over.
pub(super) async fn run(url: String, shape: Shape, mut queue: mpsc::Receiver<Ready>, start: Instant) -> Result<Tally> {
    let mut connection = Connection::new(&url)?;
    let mut tally = Tally::default();
    let version = shape.protocol.version();
    while let Some(request) = queue.recv().await {
        if shape.duration.is_some_and(|limit| start.elapsed() >= limit.get()) {
            break;
        }
        let mut from = Instant::now();
        if let Some(due) = due(&shape, request.number) {
            tokio::time::sleep_until((start + due).into()).await;
            // A request that is late because the one before was slow has waited since it was due.
            from = start + due;
        }
        let mut headers = vec![
            ("content-type", version.content_type()),
            ("content-encoding", "snappy"),
            (VERSION, version.header()),
            ("user-agent", "weir-bench"),
        ];
        if let Some(tenant) = &request.tenant {
            headers.push(("x-scope-orgid", tenant));
        }
        let bytes = request.body.len() as u64;
        let reply = connection.send(Method::POST, &headers, request.body).await;
        let latency = from.elapsed();
        tally.latencies.record(latency);
        tally.each.push(Timed { due: from, latency });
        (tally.sent, tally.requests, tally.bytes) =
            (tally.sent + request.samples, tally.requests + 1, tally.bytes + bytes);
        tally.last_timestamp = request.timestamp;
        let (status, text) = match reply {
            Ok(reply) if (200..300).contains(&reply.status) => {
                tally.taken += request.samples;
                continue;
            }
            Ok(reply) => (reply.status.to_string(), reply.text),
            Err(error) => ("error".to_owned(), error.to_string()),
        };
        tally.first_failure.get_or_insert_with(|| format!("{status}: {}", text.trim_end()));
        *tally.failures.entry(status).or_default() += 1;
    }
    Ok(tally)
}

// === impl Tally ===

impl Tally {
    pub(super) fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.taken += other.taken;
        self.requests += other.requests;
        self.bytes += other.bytes;
        for (status, count) in other.failures {
            *self.failures.entry(status).or_default() += count;
        }
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.latencies.merge(&other.latencies);
        self.each.extend(other.each);
        self.last_timestamp = self.last_timestamp.max(other.last_timestamp);
    }

    pub(super) fn report(
        self,
        shape: &Shape,
        seconds: f64,
        client_cpu: Cpu,
        server: Option<Server>,
        first_timestamp: i64,
    ) -> Report {
        Report {
            shape: shape.clone(),
            samples_sent: self.sent,
            samples_taken: self.taken,
            requests: self.requests,
            bytes_sent: self.bytes,
            seconds,
            samples_per_second: (self.taken as f64 / seconds.max(0.001)).round(),
            latency_milliseconds: Quantiles::of(&self.latencies),
            each: self.each,
            failures: self.failures,
            first_failure: self.first_failure,
            client_cpu,
            server,
            first_timestamp,
            last_timestamp: self.last_timestamp,
        }
    }
}

//! `status/…`: what runs, since when, and by which files.
//!
//! Source: `RuntimeInfo`, `PrometheusVersion` and `serveConfig` of `web/api/v1/api.go` of Prometheus 3.14. What Go alone has
//! is 0 or empty.

use serde_json::{Value, json};
use tokio::runtime::Handle;
use weir_pipeline::Context;

use super::{Api, time};

/// The version of Prometheus whose API this is: what clients decide by.
const API_VERSION: &str = "3.14.0";

/// `status/buildinfo`: the keys of Prometheus, and whose they are.
pub(super) fn build() -> Value {
    json!({
        "application": "Weir",
        "weirVersion": env!("CARGO_PKG_VERSION"),
        "version": API_VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    })
}

/// `status/runtimeinfo`. What runs at once are tasks, of which one is as good as a goroutine.
pub(super) fn runtime(context: &Context) -> Value {
    let config = context.config();
    let directory = std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    json!({
        "startTime": time::shown(context.started()),
        "CWD": directory,
        "hostname": hostname(),
        "serverTime": time::shown(context.clock.now()),
        "reloadConfigSuccess": !config.is_stale,
        "lastConfigTime": if config.yaml.is_empty() { time::ZERO.to_owned() } else { time::shown(config.at) },
        "corruptionCount": 0,
        "goroutineCount": Handle::current().metrics().num_alive_tasks(),
        "GOMAXPROCS": std::thread::available_parallelism().map_or(0, usize::from),
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "",
    })
}

/// `status/config`: the pipeline files as they run, variables filled in, without secrets.
pub(super) fn config(context: &Context) -> Value {
    json!({ "yaml": &*context.config().yaml })
}

/// `status/flags`: those settings of the API that are flags of Prometheus.
pub(super) fn flags(settings: &Api) -> Value {
    let origin = settings.cors_origin.as_ref().map_or("", |origin| origin.as_str());
    json!({
        "query.max-concurrency": settings.max_concurrent.to_string(),
        "query.timeout": settings.timeout.to_string(),
        "web.cors.origin": origin,
        "web.listen-address": settings.listen.as_str(),
        "web.max-connections": settings.connections.to_string(),
    })
}

/// `status/walreplay`. Nobody listens before the log is replayed, so that there is nothing left to wait for.
pub(super) fn wal_replay() -> Value {
    json!({ "min": 0, "max": 0, "current": 0 })
}

fn hostname() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    kernel.or_else(|_| std::env::var("HOSTNAME")).unwrap_or_default()
}

//! `weir query`: asks a running Weir and prints a table.

use clap::Args;
use hyper::StatusCode;
use serde_json::Value;
use weir_pipeline::units::Span;

use super::{Exit, client};
use crate::out::{print, tell};

/// Ask a running Weir, or anything else with Prometheus' API.
#[derive(Debug, Args)]
pub(super) struct Query {
    /// The PromQL expression.
    promql: String,
    /// Where to ask. Default: where the built-in pipelines answer, http://127.0.0.1:9090 or what WEIR_HTTP says.
    #[arg(long, env = "WEIR_URL", default_value_t = default_url())]
    url: String,
    /// Whose data; without it the server's default tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// When, in Unix seconds or RFC 3339; now where absent.
    #[arg(long, conflicts_with_all = ["start", "end", "step"], allow_hyphen_values = true)]
    time: Option<String>,
    /// The first step of a range query.
    #[arg(long, requires = "end", allow_hyphen_values = true)]
    start: Option<String>,
    /// The end of a range query.
    #[arg(long, requires = "start", allow_hyphen_values = true)]
    end: Option<String>,
    /// The step of a range query, as `15s`.
    #[arg(long, default_value = "1m", requires = "start")]
    step: String,
    /// Print the answer's JSON as it came.
    #[arg(long)]
    json: bool,
    /// How long to wait, as `30s` or `2m`.
    #[arg(long, default_value = "2m")]
    timeout: Span,
}

// === impl Query ===

impl Query {
    /// Asks and prints.
    pub(super) fn run(&self) -> Exit {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(Exit::Failure, &format!("no runtime: {e}")),
        };
        let wait = self.timeout.get();
        match runtime
            .block_on(async { tokio::time::timeout(wait, client::get(&self.uri(), self.tenant.as_deref())).await })
        {
            Err(_) => fail(Exit::Failure, &format!("{} did not answer within {}", self.url, self.timeout)),
            Ok(Err(message)) => fail(Exit::Failure, &message),
            Ok(Ok((status, body))) => self.show(status, &body),
        }
    }

    fn uri(&self) -> String {
        let base = self.url.trim_end_matches('/');
        let (endpoint, times) = match (&self.start, &self.end) {
            (Some(start), Some(end)) => {
                ("query_range", vec![("start", start.as_str()), ("end", end), ("step", &self.step)])
            }
            _ => ("query", self.time.iter().map(|t| ("time", t.as_str())).collect()),
        };
        let mut uri = format!("{base}/api/v1/{endpoint}?query={}", escape(&self.promql));
        for (name, value) in times {
            uri.push_str(&format!("&{name}={}", escape(value)));
        }
        uri
    }

    fn show(&self, status: StatusCode, body: &[u8]) -> Exit {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return fail(Exit::Failure, &format!("{} answered {status}, and not in JSON", self.url));
        };
        if self.json {
            print(&format!("{}\n", String::from_utf8_lossy(body)));
        }
        for note in ["warnings", "infos"].iter().filter_map(|n| answer[n].as_array()).flatten() {
            tell(note.as_str().unwrap_or_default());
        }
        if answer["status"] != "success" {
            let wrong = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
            let message = answer["error"].as_str().unwrap_or("an error without a message");
            return fail(if wrong { Exit::Mistake } else { Exit::Failure }, message);
        }
        if !self.json {
            print(&table(&answer["data"]));
        }
        Exit::Success
    }
}

/// Where the built-in pipelines answer.
pub(super) fn default_url() -> String {
    let address = std::env::var("WEIR_HTTP").ok().filter(|address| !address.is_empty());
    format!("http://{}", address.as_deref().unwrap_or("127.0.0.1:9090"))
}

pub(super) fn fail(exit: Exit, message: &str) -> Exit {
    tell(&format!("weir: {message}"));
    exit
}

/// One line for each sample: the series, the value, the time.
fn table(data: &Value) -> String {
    let point = |v: &Value| (v[1].as_str().unwrap_or_default().to_owned(), v[0].to_string());
    let result = &data["result"];
    let mut rows: Vec<(String, String, String)> = Vec::new();
    match data["resultType"].as_str() {
        Some("scalar" | "string") => {
            let (value, time) = point(result);
            rows.push((String::new(), value, time));
        }
        _ => {
            for series in result.as_array().into_iter().flatten() {
                let name = notation(&series["metric"]);
                let values = series["values"].as_array().cloned().unwrap_or_else(|| vec![series["value"].clone()]);
                rows.extend(values.iter().map(point).map(|(value, time)| (name.clone(), value, time)));
            }
        }
    }
    let width = |f: fn(&(String, String, String)) -> &str| rows.iter().map(|r| f(r).chars().count()).max().unwrap_or(0);
    let (names, values) = (width(|r| &r.0), width(|r| &r.1));
    rows.iter().map(|(n, v, t)| format!("{n:<names$}  {v:>values$}  @{t}\n")).collect()
}

/// A label set as PromQL writes it.
fn notation(metric: &Value) -> String {
    let labels: weir_pipeline::LabelSet = metric
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    labels.to_string()
}

/// Percent-encodes what is not plain.
pub(super) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

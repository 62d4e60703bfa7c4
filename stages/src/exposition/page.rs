//! The page, as those get it who ask.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use weir_pipeline::{Clock, Metrics, Selector, Tenant, exposition, metrics};

use super::shown::{Bounds, Shown};
use crate::http::server::Answer;
use crate::http::{metrics_page, pairs};

/// The header that names the tenant.
const TENANT: &str = "x-scope-orgid";

/// Answers with pages.
pub(super) struct Pages {
    pub(super) shown: Arc<Mutex<Shown>>,
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

type Page = Response<Full<Bytes>>;

// === impl Pages ===

impl Pages {
    fn page<B>(&self, request: &Request<B>) -> Result<Page, (StatusCode, String)> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        if request.method() != Method::GET {
            let got = request.method();
            return Err((StatusCode::METHOD_NOT_ALLOWED, format!("expected the method `GET`, got `{got}`")));
        }
        let selectors = selectors(request.uri().query().unwrap_or_default()).map_err(bad)?;
        let tenant = match request.headers().get(TENANT) {
            None => Tenant::default(),
            Some(name) => Tenant::new(&String::from_utf8_lossy(name.as_bytes())).map_err(|e| bad(e.to_string()))?,
        };
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = shown.page(&tenant, &selectors, self.bounds, self.clock.now());
        drop(shown);
        let text = exposition::write(&batch);
        Ok(if accept.contains("application/openmetrics-text") {
            said(StatusCode::OK, metrics::OPENMETRICS, openmetrics(&text))
        } else {
            said(StatusCode::OK, metrics::TEXT, text)
        })
    }
}

impl Answer for Pages {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Page {
        const PLAIN: &str = "text/plain; charset=utf-8";
        match request.uri().path() {
            "/federate" => self.page(&request).unwrap_or_else(|(status, why)| said(status, PLAIN, format!("{why}\n"))),
            "/metrics" => metrics_page(&self.metrics),
            "/-/healthy" | "/-/ready" => said(StatusCode::OK, PLAIN, "Weir is ready.\n".into()),
            _ => said(StatusCode::NOT_FOUND, PLAIN, "expected the path `/federate`\n".into()),
        }
    }
}

fn said(status: StatusCode, kind: &'static str, text: String) -> Page {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Text 0.0.4 with a time for each sample, as OpenMetrics in which all metrics are unknown.
pub(super) fn openmetrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((sample, time)) = line.rsplit_once(' ') else { continue };
        let Ok(milliseconds) = time.parse::<i64>() else { continue };
        let sign = if milliseconds < 0 { "-" } else { "" };
        let (seconds, rest) = (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
        out.push_str(&format!("{sample} {sign}{seconds}.{rest:03}\n"));
    }
    out.push_str("# EOF\n");
    out
}

/// The selectors that the parameters `match[]` of a query say.
fn selectors(query: &str) -> Result<Vec<Selector>, String> {
    pairs(query).filter(|(name, _)| name == "match[]").map(|(_, text)| Selector::try_from(text)).collect()
}

//! One request, from its headers to its reply.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use weir_pipeline::{Answer, Ask, Context, Kind, Next, Query, Read, Tenant, metrics};

use super::form::{self, Form};
use super::label_name::label_name;
use super::params::{self, Options};
use super::reply::{JSON, Refusal, Reply};
use super::route::Route;
use super::sql::Body;
use super::telemetry::Telemetry;
use super::{Api, accept, answer, json};

/// The headers that name the tenant: that of Cortex and Mimir, and that of Thanos.
const TENANT_HEADERS: [&str; 2] = ["x-scope-orgid", "thanos-tenant"];

/// The version of Prometheus whose API this is: what clients decide by.
const API_VERSION: &str = "3.14.0";

/// What all requests share.
pub(super) struct Service {
    settings: Api,
    context: Context,
    next: Next<Read>,
    working: Arc<Semaphore>,
    telemetry: Telemetry,
}

// === impl Service ===

impl Service {
    pub(super) fn new(settings: Api, context: Context, next: Next<Read>) -> Self {
        let working = Arc::new(Semaphore::new(settings.max_concurrent.get().min(Semaphore::MAX_PERMITS)));
        Self { working, telemetry: Telemetry::new(&context), settings, context, next }
    }

    /// Answers whatever comes.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let start = Instant::now();
        let route = Route::of(request.uri().path());
        let (name, is_api) = (route.name(), route.is_api());
        let headers = request.headers().clone();
        let whole = |reply: Reply| reply.into_response().map(Either::Left);
        let mut response = match route {
            Route::Sql if route.is_asked(request.method()) => {
                self.sql(request, start).await.unwrap_or_else(|refusal| whole(refusal.into()))
            }
            route => whole(self.reply(route, request).await.unwrap_or_else(Reply::from)),
        };
        if is_api {
            response.headers_mut().extend(accept::cors(&headers, self.settings.cors_origin.as_ref()));
        }
        self.telemetry.replied(name, response.status().as_u16(), start.elapsed());
        response
    }

    async fn reply(&self, route: Route, request: Request<Incoming>) -> Result<Reply, Refusal> {
        if route.is_api() && request.method() == Method::OPTIONS {
            return Ok(Reply::no_content());
        }
        if !route.takes(request.method()) {
            let mut reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            reply.header(ALLOW, HeaderValue::from_static(route.allow()));
            return Ok(reply);
        }
        let gzip = accept::gzip(request.headers());
        match route {
            Route::BuildInfo => Ok(Reply::ok(JSON, build_info())),
            Route::Metrics => {
                let reply = match accept::openmetrics(request.headers()) {
                    true => Reply::ok(metrics::OPENMETRICS, self.context.metrics.encode()),
                    false => Reply::ok(metrics::TEXT, self.context.metrics.encode_text()),
                };
                Ok(if gzip { accept::compress(reply) } else { reply })
            }
            Route::Page => Ok(Reply::ok("text/html; charset=utf-8", include_str!("landing.html"))),
            Route::Healthy => Ok(Reply::text(StatusCode::OK, "Weir is Healthy.")),
            Route::Ready if self.context.shutdown.is_cancelled() => {
                Ok(Reply::text(StatusCode::SERVICE_UNAVAILABLE, "Weir is Stopping."))
            }
            Route::Ready => Ok(Reply::text(StatusCode::OK, "Weir is Ready.")),
            Route::Nowhere => Ok(Reply::text(StatusCode::NOT_FOUND, "404 page not found")),
            Route::NotInApi => {
                let path: String = request.uri().path().chars().take(100).collect();
                Err(Refusal::not_found(format!("`{path}` is not supported yet")))
            }
            Route::FormatQuery => {
                let form = self.form_in_time(request, Instant::now()).await?;
                Ok(Reply::ok(JSON, json::text(&params::formatted(&form)?)))
            }
            Route::ParseQuery => {
                let form = self.form_in_time(request, Instant::now()).await?;
                let data = params::parsed(&form)?;
                let reply = Reply::ok(JSON, json!({ "status": "success", "data": data }).to_string());
                Ok(if gzip { accept::compress(reply) } else { reply })
            }
            route => self.ask(route, request, gzip).await,
        }
    }

    /// What goes down the pipeline.
    async fn ask(&self, route: Route, request: Request<Incoming>, gzip: bool) -> Result<Reply, Refusal> {
        let start = Instant::now();
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let form = self.form_in_time(request, start).await?;
        let (ask, options) = match route {
            Route::QueryExemplars => match params::query_exemplars(&form)? {
                Some(ask) => ask,
                // As Prometheus answers what has no data.
                None => return Ok(Reply::no_content()),
            },
            Route::QueryRange => params::query_range(&form, self.settings.max_points)?,
            Route::Series => params::series(&form)?,
            Route::Labels => params::labels(&form)?,
            Route::LabelValues(name) => params::label_values(&form, label_name(&name)?)?,
            _ => params::query(&form, self.context.clock.now())?,
        };
        let is_query = matches!(ask, Ask::Instant { .. } | Ask::Range { .. });
        let limit = options.limit;
        let (mut answer, _permit) = self.send(tenant, ask, options, start).await?;
        answer::truncate(&mut answer, limit);
        if is_query {
            answer.warnings.extend(params::stats_warning(&form));
        }
        answer::write(answer, gzip).await
    }

    async fn form_in_time(&self, request: Request<Incoming>, start: Instant) -> Result<Form, Refusal> {
        let late = |_| Refusal::timed_out("expected the request's body sooner");
        timeout_at(start + self.settings.timeout.get(), self.form(request)).await.map_err(late)?
    }

    pub(super) async fn form(&self, request: Request<Incoming>) -> Result<Form, Refusal> {
        let (parts, body) = request.into_parts();
        let mut form = Form::default();
        if parts.method == Method::POST {
            form.add(&form::read(&parts.headers, body, self.settings.max_body.get()).await?)?;
        }
        form.add(parts.uri.query().unwrap_or(""))?;
        Ok(form)
    }

    /// The tenant of requests that name none.
    pub(super) fn default_tenant(&self) -> &Tenant {
        &self.settings.default_tenant
    }

    /// How long a question may take.
    pub(super) fn longest(&self) -> Duration {
        self.settings.timeout.get()
    }

    /// The largest body, in bytes.
    pub(super) fn largest(&self) -> u64 {
        self.settings.max_body.get()
    }

    /// Sends a question down, when it is its turn. The answer counts as worked on until the permit goes.
    pub(super) async fn send(
        &self,
        tenant: Tenant,
        ask: Ask,
        options: Options,
        start: Instant,
    ) -> Result<(Answer, OwnedSemaphorePermit), Refusal> {
        let is_query = matches!(ask, Ask::Instant { .. } | Ask::Range { .. } | Ask::Sql { .. });
        let limit = options.timeout.unwrap_or(Duration::MAX).min(self.settings.timeout.get());
        let until = start + limit;
        let waiting = timeout_at(until, self.working.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = waiting else { return Err(Refusal::timed_out("query timed out in query queue")) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::timed_out("query timed out in expression evaluation"));
        }
        let Options { limit, lookback, partial, stats, replica_labels, .. } = options;
        let query = Query { tenant, ask, limit, timeout: Some(left), lookback, partial, stats, replica_labels };
        let late = |_| Refusal::timed_out("query timed out in expression evaluation");
        let answer = timeout_at(until, self.next.send(query)).await.map_err(late)?.map_err(|error| {
            if error.kind() == Kind::Internal {
                tracing::error!(error = error.report(), "a query failed");
            }
            Refusal::of(&error, is_query.then_some("query"))
        })?;
        Ok((answer, permit))
    }
}

/// Which tenant the request is for.
pub(super) fn tenant(headers: &HeaderMap, default: &Tenant) -> Result<Tenant, Refusal> {
    let mut values = TENANT_HEADERS.iter().flat_map(|name| headers.get_all(*name)).filter(|value| !value.is_empty());
    let Some(first) = values.next() else { return Ok(default.clone()) };
    let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect::<String>();
    if let Some(other) = values.find(|value| *value != first) {
        return Err(Refusal::bad(format!("expected one tenant, got `{}` and `{}`", shown(first), shown(other))));
    }
    Tenant::new(&String::from_utf8_lossy(first.as_bytes())).map_err(|error| Refusal::bad(error.to_string()))
}

/// The envelope of `status/buildinfo`: the keys of Prometheus, and whose they are.
fn build_info() -> String {
    let data = json!({
        "application": "Weir",
        "weirVersion": env!("CARGO_PKG_VERSION"),
        "version": API_VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    json!({ "status": "success", "data": data }).to_string()
}

//! One request, from its headers to its reply.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderValue, ORIGIN, VARY};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use weir_pipeline::{Answer, Ask, Context, Data, Error, Kind, Next, Query, Read, Tenant, metrics};
use weir_stages::http::tenant::{in_headers, settle};
use weir_stages::http::{query, server};

use super::accept::{Encoding, Exposition};
use super::answer::Turn;
use super::form::Form;
use super::label_name::label_name;
use super::params::{self, Options};
use super::pieces::Body;
use super::reply::{Content, JSON, Refusal, Reply};
use super::route::{Lifecycle, Route};
use super::telemetry::Telemetry;
use super::{Api, accept, answer, flight, json, known, status, targets, texts};
use crate::engine::truncate;

/// What all requests share.
pub(super) struct Service {
    pub(super) settings: Api,
    pub(super) context: Context,
    next: Next<Read>,
    working: Arc<Semaphore>,
    pub(super) telemetry: Telemetry,
}

// === impl Service ===

impl Service {
    pub(super) fn new(settings: Api, context: Context, next: Next<Read>) -> Self {
        let most = settings.max_concurrent.get().min(Semaphore::MAX_PERMITS);
        let telemetry = Telemetry::new(&context, most);
        Self { working: Arc::new(Semaphore::new(most)), telemetry, settings, context, next }
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
        let encoding = accept::encoding(request.headers());
        match route {
            Route::Federate => Ok(self.federate(request).await.unwrap_or_else(Refusal::into_text)),
            Route::Sql => self.sql(request, Instant::now()).await,
            Route::Read => Ok(self.read(request).await.unwrap_or_else(Refusal::into_text)),
            Route::Metrics => {
                let reply = match accept::exposition(request.headers(), &[Exposition::OpenMetrics]) {
                    Exposition::OpenMetrics => Reply::ok(metrics::OPENMETRICS, self.context.metrics.encode()),
                    _ => Reply::ok(metrics::TEXT, self.context.metrics.encode_text()),
                };
                Ok(accept::compress(reply, encoding))
            }
            Route::Page => Ok(Reply::ok("text/html; charset=utf-8", include_str!("landing.html"))),
            Route::Healthy => Ok(Reply::text(StatusCode::OK, "Weir is Healthy.")),
            Route::Ready if self.context.shutdown.is_cancelled() => {
                Ok(Reply::text(StatusCode::SERVICE_UNAVAILABLE, "Weir is Stopping."))
            }
            Route::Ready => Ok(Reply::text(StatusCode::OK, "Weir is Ready.")),
            Route::Lifecycle(what) => Ok(self.lifecycle(what).await),
            // Its calls are answered before this, and it takes nothing else.
            Route::Flight | Route::Nowhere => Ok(Reply::text(StatusCode::NOT_FOUND, "404 page not found")),
            Route::NotInApi => {
                let path: String = request.uri().path().chars().take(100).collect();
                Err(Refusal::not_found(format!("`{path}` is not supported yet")))
            }
            Route::FormatQuery => {
                let form = self.form_in_time(request, Instant::now()).await?;
                Ok(Reply::ok(JSON, json::text(&texts::formatted(&form).await?)))
            }
            Route::ParseQuery => {
                let form = self.form_in_time(request, Instant::now()).await?;
                Ok(accept::compress(Reply::ok(JSON, texts::parsed(&form).await?), encoding))
            }
            Route::Tenants(name) => self.tenants(name.as_deref(), request, encoding).await,
            Route::Metadata | Route::Tsdb => self.ask_known(&route, request, encoding).await,
            route => match self.told(&route, query(request.uri(), request.extensions())) {
                Some(data) => Ok(accept::compress(success(&data?, &[]), encoding)),
                None => self.ask(route, request, encoding).await,
            },
        }
    }

    /// What is told without asking the pipeline; `None` where that must be asked.
    fn told(&self, route: &Route, query: &str) -> Option<Result<Value, Refusal>> {
        let form = || {
            let mut form = Form::default();
            form.add(query).map(|()| form)
        };
        Some(Ok(match route {
            Route::Targets => return Some(form().map(|form| targets::targets(self.context.targets(), &form))),
            Route::ScrapePools => targets::scrape_pools(self.context.targets()),
            // Rules are not evaluated here, and alerts go nowhere.
            Route::Rules => json!({ "groups": [] }),
            Route::Alerts => json!({ "alerts": [] }),
            Route::Alertmanagers => json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }),
            Route::BuildInfo => status::build(),
            Route::RuntimeInfo => status::runtime(&self.context),
            Route::Config => status::config(&self.context),
            Route::Flags => status::flags(&self.settings),
            Route::WalReplay => status::wal_replay(),
            _ => return None,
        }))
    }

    /// What the store knows beside samples.
    async fn ask_known(&self, route: &Route, request: Request<Incoming>, encoding: Encoding) -> Result<Reply, Refusal> {
        let start = Instant::now();
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let form = self.form_in_time(request, start).await?;
        let ask = match route {
            Route::Tsdb => known::ask_cardinality(&form)?,
            _ => known::ask_metadata(&form)?,
        };
        let until = start + self.settings.timeout.get();
        let _turn = self.turn(until).await?;
        let options = Options { partial: params::partial(&form)?, ..Options::whole() };
        let answer = self.pass(tenant, ask, options, until).await?;
        let data = match &answer.data {
            Data::Metadata(all) => known::metadata(all, &form)?,
            Data::Cardinality(found) => known::cardinality(found),
            _ => return Err(Refusal::internal("expected an answer to what was asked")),
        };
        Ok(accept::compress(success(&data, &answer.warnings), encoding))
    }

    /// Has the headers say whom the client's certificate names, where that counts.
    pub(super) fn settle<B>(&self, route: &Route, request: &mut Request<B>) -> Result<(), Refusal> {
        let Some(field) = self.settings.tenant_certificate_field else { return Ok(()) };
        let extensions = request.extensions().clone();
        match settle(request.headers_mut(), &extensions, field) {
            // These are of the process.
            Err(_) if matches!(route, Route::Metrics | Route::Healthy | Route::Ready | Route::Page) => Ok(()),
            Err(message) => Err(Refusal::bad(message)),
            Ok(()) => Ok(()),
        }
    }

    /// Has the program do something, where that is allowed.
    async fn lifecycle(&self, what: Lifecycle) -> Reply {
        if !self.settings.lifecycle {
            return Reply::text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
        }
        match what {
            Lifecycle::Reload => match self.context.reload().await {
                Ok(()) => Reply { status: StatusCode::OK, headers: Vec::new(), body: Content::Whole(Vec::new()) },
                Err(error) => {
                    let message = format!("failed to reload config: {}", error.report());
                    Reply::text(StatusCode::INTERNAL_SERVER_ERROR, &message)
                }
            },
            Lifecycle::Quit => match self.context.quit() {
                Ok(()) => Reply::text(StatusCode::OK, "Requesting termination... Goodbye!"),
                Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, &error.report()),
            },
        }
    }

    /// What goes down the pipeline.
    async fn ask(&self, route: Route, request: Request<Incoming>, encoding: Encoding) -> Result<Reply, Refusal> {
        let start = Instant::now();
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let is_no_store = accept::is_no_store(request.headers());
        let form = self.form_in_time(request, start).await?;
        let (ask, mut options) = match route {
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
        if options.timeout == Some(Duration::ZERO) {
            return Err(Refusal::timed_out("query timed out in query execution"));
        }
        options.anew |= is_no_store;
        let is_query = matches!(ask, Ask::Instant { .. } | Ask::Range { .. } | Ask::Sql { .. });
        let limit = options.limit;
        let until = start + options.timeout.unwrap_or(Duration::MAX).min(self.settings.timeout.get());
        let turn = self.turn(until).await?;
        let mut answer = self.pass(tenant, ask, options, until).await?;
        truncate(&mut answer, limit);
        if is_query {
            answer.warnings.extend(params::stats_warning(&form));
        }
        answer::write(answer, encoding, turn, self.settings.timeout.get())
    }

    pub(super) async fn form_in_time(&self, request: Request<Incoming>, start: Instant) -> Result<Form, Refusal> {
        let late = |_| Refusal::timed_out("expected the request's body sooner");
        timeout_at(start + self.settings.timeout.get(), self.form(request)).await.map_err(late)?
    }

    pub(super) async fn form(&self, request: Request<Incoming>) -> Result<Form, Refusal> {
        let (parts, body) = request.into_parts();
        let (mut form, address) = (Form::default(), query(&parts.uri, &parts.extensions));
        match parts.method {
            Method::POST => form.read(address, &parts.headers, body, self.settings.max_body.get()).await?,
            _ => form.add(address)?,
        }
        Ok(form)
    }

    /// Waits until it is the question's turn. It counts as worked on until the turn goes.
    pub(super) async fn turn(&self, until: Instant) -> Result<Turn, Refusal> {
        match timeout_at(until, self.working.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok((turn, self.telemetry.working())),
            _ => Err(Refusal::timed_out("query timed out in query queue")),
        }
    }

    /// Sends a question down.
    pub(super) async fn pass(
        &self,
        tenant: Tenant,
        ask: Ask,
        options: Options,
        until: Instant,
    ) -> Result<Answer, Refusal> {
        let is_query = matches!(ask, Ask::Instant { .. } | Ask::Range { .. } | Ask::Sql { .. });
        let refused = |error: Error| Refusal::of(&error, is_query.then_some("query"));
        self.send(tenant, ask, options, until).await.map_err(refused)
    }

    /// The same, with the error as the pipeline has it.
    pub(super) async fn send(
        &self,
        tenant: Tenant,
        ask: Ask,
        options: Options,
        until: Instant,
    ) -> Result<Answer, Error> {
        let late = || Error::new(Kind::TimedOut, "query timed out in expression evaluation");
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let Options { limit, lookback, partial, stats, replica_labels, anew, .. } = options;
        let (timeout, max_points) = (Some(left), Some(self.settings.max_points));
        let query = Query {
            limit,
            timeout,
            lookback,
            partial,
            stats,
            replica_labels,
            max_points,
            anew,
            ..Query::new(tenant, ask)
        };
        timeout_at(until, self.next.send(query)).await.map_err(|_| late())?.inspect_err(|error| {
            if error.kind() == Kind::Internal {
                tracing::error!(error = error.report(), "a query failed");
            }
        })
    }
}

impl server::Answer for Service {
    type Body = Body;

    /// Answers whatever comes.
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let start = Instant::now();
        let route = Route::of(request.uri().path());
        let (name, is_api, _under_way) = (route.name(), route.is_api(), self.telemetry.asked());
        let is_compressible = is_api || matches!(route, Route::Federate | Route::Metrics);
        // From here on the headers say whose it is, also where the certificate did.
        let is_told = self.settle(&route, &mut request);
        let (method, origin) = (request.method().clone(), request.headers().get(ORIGIN).cloned());
        if let Err(refusal) = is_told {
            let reply = Reply::from(refusal);
            self.telemetry.replied(name, &method, reply.status.as_u16(), start.elapsed());
            return reply.into_response();
        }
        if route == Route::Flight && route.takes(&method) {
            let response = flight::answer(self, request).await;
            self.telemetry.replied(name, &method, flight::code(&response), start.elapsed());
            return response;
        }
        let mut reply = self.reply(route, request).await.unwrap_or_else(Reply::from);
        if is_compressible {
            reply.header(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if is_api {
            reply.headers.extend(accept::cors(origin.as_ref(), self.settings.cors_origin.as_ref()));
        }
        self.telemetry.replied(name, &method, reply.status.as_u16(), start.elapsed());
        reply.into_response()
    }
}

/// The envelope of an answer that is not a query's.
pub(super) fn success(data: &Value, warnings: &[String]) -> Reply {
    Reply::ok(JSON, envelope(data, warnings))
}

/// The same as text.
pub(super) fn envelope(data: &Value, warnings: &[String]) -> String {
    let mut envelope = json!({ "status": "success", "data": data });
    if !warnings.is_empty() {
        envelope["warnings"] = json!(warnings);
    }
    envelope.to_string()
}

/// Which tenant the request is for.
pub(super) fn tenant(headers: &HeaderMap, default: &Tenant) -> Result<Tenant, Refusal> {
    in_headers(headers, None, default).map_err(Refusal::bad)
}

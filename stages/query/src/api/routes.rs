//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, get, on};
use weir_pipeline::metrics::OPENMETRICS;

use super::Service;
use super::endpoints;
use super::params::Params;
use super::respond::{Envelope, Failure, allow_origin, compress, plain, respond};

/// The longest form in a body, in bytes.
const MAX_FORM_BYTES: usize = 2 << 20;

/// A request that has been read.
pub(super) struct Asked {
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
}

type Answered = Result<Envelope, Failure>;

/// All paths.
pub(super) fn routes(service: Arc<Service>) -> Router {
    let asked = MethodFilter::GET.or(MethodFilter::POST);
    let api = Router::new()
        .route("/query", on(asked, |State(s): Service_, r: Request| answer(s, r, endpoints::query)).options(options))
        .route(
            "/query_range",
            on(asked, |State(s): Service_, r: Request| answer(s, r, endpoints::query_range)).options(options),
        )
        .route("/series", on(asked, |State(s): Service_, r: Request| answer(s, r, endpoints::series)).options(options))
        .route("/labels", on(asked, |State(s): Service_, r: Request| answer(s, r, endpoints::labels)).options(options))
        .route("/label/{name}/values", get(label_values).options(options))
        .route(
            "/status/buildinfo",
            get(|State(s): Service_, r: Request| answer(s, r, endpoints::build_info)).options(options),
        )
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method);
    Router::new()
        .nest("/api/v1", api)
        .route("/", get(landing))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| state("Weir is Healthy.\n")))
        .route("/-/ready", get(|| state("Weir is Ready.\n")))
        .with_state(service)
}

type Service_ = State<Arc<Service>>;

/// Reads a request, has `endpoint` answer it, and writes the envelope.
async fn answer<F>(
    service: Arc<Service>,
    request: Request,
    endpoint: impl FnOnce(Arc<Service>, Asked) -> F,
) -> Response<Body>
where
    F: Future<Output = Answered>,
{
    let headers = request.headers().clone();
    let result = match read(request).await {
        Ok(asked) => endpoint(service.clone(), asked).await,
        Err(failure) => Err(failure),
    };
    respond(&service, &headers, result)
}

async fn read(request: Request) -> Result<Asked, Failure> {
    let (parts, body) = request.into_parts();
    let form = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| {
        v.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    });
    let body = if parts.method == Method::POST && form {
        let too_long = |_| Failure::bad_data(format!("expected a form of at most {MAX_FORM_BYTES} bytes"));
        to_bytes(body, MAX_FORM_BYTES).await.map_err(too_long)?
    } else {
        bytes::Bytes::new()
    };
    let params = Params::new(&body, parts.uri.query().unwrap_or_default());
    Ok(Asked { headers: parts.headers, params })
}

async fn label_values(State(service): Service_, Path(name): Path<String>, request: Request) -> Response<Body> {
    answer(service, request, |service, asked| endpoints::label_values(service, asked, name)).await
}

async fn options(State(service): Service_, headers: HeaderMap) -> Response<Body> {
    let mut response = plain(StatusCode::NO_CONTENT, "text/plain; charset=utf-8", (Vec::new(), false));
    allow_origin(&service, &headers, response.headers_mut());
    response
}

async fn unknown(State(service): Service_, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    respond(&service, request.headers(), Err(Failure::not_found(format!("there is no `/api/v1{path}`"))))
}

async fn wrong_method(State(service): Service_, request: Request) -> Response<Body> {
    let message = format!("{} is not for this endpoint", request.method());
    let failure = Failure { status: StatusCode::METHOD_NOT_ALLOWED, ..Failure::bad_data(message) };
    respond(&service, request.headers(), Err(failure))
}

async fn metrics(State(service): Service_, headers: HeaderMap) -> Response<Body> {
    plain(StatusCode::OK, OPENMETRICS, compress(&headers, service.metrics.encode()))
}

async fn state(text: &'static str) -> Response<Body> {
    plain(StatusCode::OK, "text/plain; charset=utf-8", (text.into(), false))
}

async fn landing() -> Response<Body> {
    plain(StatusCode::OK, "text/html; charset=utf-8", (include_str!("landing.html").into(), false))
}

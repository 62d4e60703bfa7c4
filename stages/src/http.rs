//! What sources that listen have in common.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use weir_pipeline::{Metrics, metrics};

pub(crate) mod budget;
pub(crate) mod server;

/// The program's own metrics, as any Prometheus reads them: a process without an `api` is watched by what it listens on.
pub(crate) fn metrics_page(all: &Metrics) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(all.encode_text()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::TEXT));
    response
}

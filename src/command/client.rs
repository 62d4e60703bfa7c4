//! Asks a running Weir over HTTP.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// GETs `uri` for a tenant, or for the server's default one.
///
/// # Errors
/// A sentence: the address is none, or nobody answers there.
pub(super) async fn get(uri: &str, tenant: Option<&str>) -> Result<(StatusCode, Bytes), String> {
    send(Request::get(uri), uri, String::new(), tenant).await
}

/// POSTs a form to `uri` for a tenant, or for the server's default one.
///
/// # Errors
/// A sentence: the address is none, or nobody answers there.
pub(super) async fn post(uri: &str, form: String, tenant: Option<&str>) -> Result<(StatusCode, Bytes), String> {
    let request = Request::post(uri).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(request, uri, form, tenant).await
}

async fn send(
    mut request: Builder,
    uri: &str,
    body: String,
    tenant: Option<&str>,
) -> Result<(StatusCode, Bytes), String> {
    if let Some(tenant) = tenant {
        request = request.header("X-Scope-OrgID", tenant);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|e| format!("`{uri}` is no address: {e}"))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|e| format!("no answer from `{uri}`: {}", chain(&e)))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    Ok((status, body.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes()))
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}

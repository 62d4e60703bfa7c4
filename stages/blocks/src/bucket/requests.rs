//! Counts the requests that a bucket costs, each attempt by itself.
//!
//! `weir_bucket_requests_total{bucket,method,code}`: `code` is the status of the answer, or how a request without one ended
//! (`connect`, `timeout`, `broken`). Against `thanos_objstore_bucket_operations_total` it shows what is repeated.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use weir_pipeline::Context;

use super::measured::resource;

/// Makes clients whose requests are counted.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    bucket: String,
    requests: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    bucket: String,
    method: String,
    code: String,
}

/// A client whose requests are counted.
#[derive(Debug)]
struct Counted {
    client: HttpClient,
    requests: Requests,
}

// === impl Requests ===

impl Requests {
    /// Counts for the bucket whose context this is.
    pub(super) fn new(context: &Context) -> Self {
        let help = "Requests to a bucket, each attempt by itself";
        let requests = context.metrics.register("weir_bucket_requests", help, Family::default());
        Self { bucket: resource(&context.place).to_owned(), requests }
    }

    fn count(&self, method: String, code: String) {
        self.requests.get_or_create(&Labels { bucket: self.bucket.clone(), method, code }).inc();
    }
}

impl HttpConnector for Requests {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Counted { client, requests: self.clone() }))
    }
}

// === impl Counted ===

#[async_trait]
impl HttpService for Counted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let method = request.method().to_string();
        let result = self.client.execute(request).await;
        let code = match &result {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => match error.kind() {
                HttpErrorKind::Connect => "connect".to_owned(),
                HttpErrorKind::Timeout => "timeout".to_owned(),
                _ => "broken".to_owned(),
            },
        };
        self.requests.count(method, code);
        result
    }
}

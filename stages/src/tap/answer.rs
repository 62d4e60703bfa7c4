//! Requests of those who watch.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;
use weir_pipeline::tap::Selected;
use weir_pipeline::{Context, Selector, Tenant};

use super::lines::{Counting, Format, Lines, Wanted};
use crate::http::server::Answer;
use crate::http::{metrics_page, pairs};

/// The body of a reply.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A refusal: the status, and a sentence.
type Refused = (StatusCode, String);

const TEXT: &str = "text/plain; charset=utf-8";
const LINES: &str = "application/x-ndjson";

/// Answers those who watch.
pub(super) struct Answerer {
    pub(super) context: Context,
    /// How many may watch at a time.
    pub(super) most: usize,
    /// Cancelled where nobody is to watch any more.
    pub(super) stop: CancellationToken,
}

/// The parameters of a request.
#[derive(Default)]
struct Asked {
    stage: Option<String>,
    wanted: Wanted,
}

// === impl Answerer ===

impl Answerer {
    fn samples(&self, asked: Asked) -> Result<Response<Body>, Refused> {
        let stage = asked.stage.ok_or_else(|| bad("expected a pipeline or a stage in `stage`"))?;
        let selected = self.context.taps().find(&stage).map_err(bad)?;
        let watch = self.context.taps().watch(selected, self.most).ok_or_else(|| self.full())?;
        let kind = if asked.wanted.format == Format::Json { LINES } else { TEXT };
        let lines = Lines { watch, wanted: asked.wanted, stop: self.stop.clone() };
        Ok(streamed(kind, stream::unfold(lines, Lines::next)))
    }

    fn rates(&self, asked: Asked) -> Result<Response<Body>, Refused> {
        let selected = match asked.stage {
            None => Selected::All,
            Some(stage) => self.context.taps().find(&stage).map_err(bad)?.widened(),
        };
        let rates = self.context.taps().rates(selected, self.most).ok_or_else(|| self.full())?;
        let counting = Counting::new(rates, asked.wanted.left, self.stop.clone());
        Ok(streamed(LINES, stream::unfold(counting, Counting::next)))
    }

    fn full(&self) -> Refused {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("expected fewer to watch: there are {} already, as `taps` has it", self.most),
        )
    }

    fn reply(&self, request: &Request<Incoming>) -> Result<Response<Body>, Refused> {
        if request.method() != Method::GET {
            let got = request.method();
            return Err((StatusCode::METHOD_NOT_ALLOWED, format!("expected the method `GET`, got `{got}`")));
        }
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/-/tap" => self.samples(Asked::read(query).map_err(bad)?),
            "/-/tap/rates" => self.rates(Asked::read(query).map_err(bad)?),
            "/metrics" => Ok(metrics_page(&self.context.metrics).map(BodyExt::boxed_unsync)),
            "/-/healthy" | "/-/ready" => Ok(whole(StatusCode::OK, "Weir is ready.")),
            _ => Err((StatusCode::NOT_FOUND, "expected the path `/-/tap` or `/-/tap/rates`".into())),
        }
    }
}

impl Answer for Answerer {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.reply(&request).unwrap_or_else(|(status, why)| whole(status, &why))
    }
}

fn bad(why: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, why.into())
}

fn whole(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Full::from(format!("{text}\n")).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}

/// A reply that goes on: when the asker goes, the stream is dropped.
fn streamed(kind: &'static str, lines: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(line)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

// === impl Asked ===

impl Asked {
    fn read(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "stage" => asked.stage = Some(value),
                "match[]" => asked.wanted.selectors.push(Selector::try_from(value)?),
                "tenant" => asked.wanted.tenant = Some(Tenant::new(&value).map_err(|error| error.to_string())?),
                "limit" => {
                    let limit = value.parse().map_err(|_| format!("expected a number in `limit`, got `{value}`"))?;
                    asked.wanted.left = Some(limit);
                }
                "format" => {
                    asked.wanted.format = match value.as_str() {
                        "text" => Format::Text,
                        "json" => Format::Json,
                        _ => return Err(format!("expected `text` or `json` in `format`, got `{value}`")),
                    };
                }
                _ => return Err(format!("unknown parameter `{name}`")),
            }
        }
        Ok(asked)
    }
}

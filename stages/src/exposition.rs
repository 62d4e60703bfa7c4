//! `exposition`: shows the last value of each series on a page that a Prometheus can scrape.
//!
//! ```yaml
//! sink: { exposition: { listen: 127.0.0.1:19591 } }
//! ```
//!
//! All settings: `exposition: { listen: 127.0.0.1:19591, within: 5m, series: 1000000, connections: 16, tls_server_config: { … },
//! auth: { … } }`, the last two as in [`tls`](crate::tls) and [`http::auth`](crate::http::auth).
//!
//! Shape: `GET /federate`, as Prometheus has it: the last value of each series with its time, of those that the parameters
//! `match[]` select, of all without one. Series whose last value is older than `within`, and those that ended, are not shown. The
//! page is that of the tenant in the header `X-Scope-OrgID`, or of `default-tenant`; as OpenMetrics where `Accept` asks for it, in
//! which all metrics are unknown, as Prometheus text otherwise. Those metrics are described of which a series is shown.
//! `/metrics`, `/-/healthy` and `/-/ready` answer on the same address.
//!
//! Errors: samples of series for which there is no room are rejected, reason `series_limit`; native histograms, for which the
//! page has no notation, are dropped, reason `histogram_unsupported`. Until it can listen on the address,
//! which it tries again and again, batches are unavailable.
//!
//! Order: ends a pipeline, mostly that of a [`link`](crate::link). Written means that it is in memory, where the page finds it.
//! A reload that changes it keeps what is shown, and the address if that stays.
//!
//! Source: `web/federate.go` of Prometheus 3.14.

mod page;
mod shown;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tower::service_fn;
use weir_pipeline::units::{Address, Span, above_zero};
use weir_pipeline::{Batch, Context, Error, Next, Result, Sink, Write};

use crate::http::auth::Auth;
use crate::http::berth::Berth;
use crate::http::server::{Limits, serve};
use crate::tls::TlsServer;
use page::Pages;
use shown::{Bounds, Shown};

/// How long an answer may take.
const ANSWER: Span = Span::from_secs(30);

/// Shows the last value of each series on a page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposition {
    /// Where to listen, host and port. Default `127.0.0.1:19591`.
    #[serde(default = "default_listen")]
    pub listen: Address,
    /// How old a value may be. Default `5m`.
    #[serde(default = "default_within", deserialize_with = "above_zero")]
    pub within: Span,
    /// The most series of all tenants. Default 1000000.
    #[serde(default = "default_series")]
    pub series: NonZeroUsize,
    /// How many connections are held at once; others wait to be accepted. Default 16.
    #[serde(default = "default_connections")]
    pub connections: NonZeroUsize,
    /// TLS of the listener. Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask. Default: everyone.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// What the sink that takes the place of this one goes on with: the socket, and what is shown.
struct Left(Berth, Weak<Mutex<Shown>>);

fn default_listen() -> Address {
    Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 19591)))
}

fn default_within() -> Span {
    Span::from_secs(300)
}

fn default_series() -> NonZeroUsize {
    const { NonZeroUsize::new(1_000_000).unwrap() }
}

fn default_connections() -> NonZeroUsize {
    const { NonZeroUsize::new(16).unwrap() }
}

// === impl Exposition ===

impl Sink<Write> for Exposition {
    const NAME: &'static str = "exposition";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        let runtime = Handle::try_current();
        let runtime = runtime.map_err(|_| Error::internal("expected a tokio runtime to show a page in"))?;
        let bounds = Bounds { most: self.series.get(), within: self.within.as_millis() };
        let (berth, shown) = match context.take_left() {
            Some(Left(berth, shown)) => (berth, shown.upgrade().unwrap_or_default()),
            None => Default::default(),
        };
        // The one before may stay, where the rest of a reload fails: both have the same page.
        context.leave(Left(berth.clone(), Arc::downgrade(&shown)));
        let waits = berth.socket(&self.listen).is_none().then(|| waiting(&self.listen));
        let (listens, stop) = (Arc::new(Mutex::new(waits)), CancellationToken::new());
        let pages =
            Pages { shown: shown.clone(), bounds, clock: context.clock.clone(), metrics: context.metrics.clone() };
        let serving = runtime.spawn(answer(self, pages, (berth, listens.clone()), context.clone(), stop.clone()));
        context.on_close(async move {
            stop.cancel();
            serving.await.map_err(|error| Error::internal("the page broke off").with_source(error))
        });
        let clock = context.clock.clone();
        Ok(Next::new(service_fn(move |batch: Batch| {
            let failed = listens.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let taken = match failed {
                Some(error) => Err(error),
                None => Ok(shown.lock().unwrap_or_else(PoisonError::into_inner).take(&batch, bounds, clock.now())),
            };
            std::future::ready(taken).boxed()
        })))
    }
}

fn waiting(address: &Address) -> Error {
    Error::unavailable(format!("expected to listen on `{address}` by now"))
}

/// Listens, again where that fails, and answers until `stop`.
async fn answer(
    settings: Exposition,
    pages: Pages,
    (berth, listens): (Berth, Arc<Mutex<Option<Error>>>),
    context: Context,
    stop: CancellationToken,
) {
    let set = |waits: Option<Error>| *listens.lock().unwrap_or_else(PoisonError::into_inner) = waits;
    let wanted = (&settings.listen, settings.tls_server_config.as_ref(), settings.auth.as_ref());
    let failed = |error: Error| {
        tracing::error!(error = error.report(), "a page can't be shown");
        set(Some(error));
    };
    if let Some(listener) = berth.listen(wanted, &context, &stop, failed).await {
        set(None);
        serve(listener, Arc::new(pages), Limits::new(settings.connections, ANSWER), stop).await;
    }
}

#[cfg(test)]
mod tests;

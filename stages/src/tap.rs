//! `tap`: lets those who may ask watch samples as they come to a stage, or count them.
//!
//! ```yaml
//! tap: { listen: 127.0.0.1:19691 }
//! ```
//!
//! All settings: `tap: { listen: 127.0.0.1:19691, taps: 8, tls_server_config: { … }, auth: { … } }`, the last two as in
//! [`tls`](crate::tls) and [`http::auth`](crate::http::auth).
//!
//! A resource, which no pipeline names: where none is declared nothing can be watched. Who may ask sees the samples of
//! all tenants and of all pipelines that take samples. `weir tap` asks it.
//!
//! Shape: `GET /-/tap?stage=NAME` answers with samples as they come, until the asker goes. `NAME` is a pipeline, which
//! means what its source sends, or `pipeline.stage`, which means what comes to that stage. Parameters: `match[]`,
//! selectors, of which one must select a series; `tenant`, only whose samples; `limit`, how many samples until the
//! answer ends; `format`, `text` (the default: before each batch a comment with its tenant and place, then a line for
//! each sample as tests of pipeline files have them) or `json` (an object for each sample). `GET /-/tap/rates`, with
//! `stage` for those of one pipeline or stage, answers with a line of JSON each second: how much came to each stage.
//! `/metrics`, `/-/healthy` and `/-/ready` answer on the same address.
//!
//! What is watched costs the pipeline a lock and a handle for each batch, and a load where nobody watches; nobody waits
//! for who watches. Batches of up to 16 MiB wait for each; what does not fit in is counted, and the answer says how
//! many samples were not shown.
//!
//! Errors: 400 where the name means nothing, or a parameter can't be read; 503 where `taps` watch already. Until it can
//! listen on the address it tries again and again, and logs that. A reload that changes it lets go of who watches, and keeps the
//! address if that stays.

mod answer;
mod lines;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use weir_pipeline::units::{Address, Span};
use weir_pipeline::{Context, Error, Resource, Result};

use crate::http::auth::Auth;
use crate::http::berth::Berth;
use crate::http::server::{Limits, serve};
use crate::tls::TlsServer;
use answer::Answerer;

/// How long the head of a request may take, and a drain.
const HEAD: Span = Span::from_secs(10);

/// How many connections there may be beside those that watch.
const CONNECTIONS: usize = 8;

/// Lets those who may ask watch samples as they come to a stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Where to listen, host and port. Default `127.0.0.1:19691`.
    #[serde(default = "default_listen")]
    pub listen: Address,
    /// How many may watch at a time. Default 8.
    #[serde(default = "default_taps")]
    pub taps: NonZeroUsize,
    /// TLS of the listener. Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask. Default: everyone.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// A tap that is open. Nobody needs anything of it.
#[derive(Debug)]
pub struct OpenTap(());

fn default_listen() -> Address {
    Address::from(SocketAddr::from(([127, 0, 0, 1], 19691)))
}

fn default_taps() -> NonZeroUsize {
    const { NonZeroUsize::new(8).unwrap() }
}

// === impl Tap ===

impl Resource for Tap {
    const NAME: &'static str = "tap";
    type Opened = OpenTap;

    async fn open(self, context: &Context) -> Result<Arc<OpenTap>> {
        let (stop, berth) = (CancellationToken::new(), context.take_left::<Berth>().unwrap_or_default());
        context.leave(berth.clone());
        let serving = tokio::spawn(answer(self, berth, context.clone(), stop.clone()));
        context.on_close(async move {
            stop.cancel();
            serving.await.map_err(|error| Error::internal("the tap broke off").with_source(error))
        });
        Ok(Arc::new(OpenTap(())))
    }
}

/// Listens, again where that fails, and answers until `stop`.
async fn answer(settings: Tap, berth: Berth, context: Context, stop: CancellationToken) {
    // Who watches is let go as soon as the program is told to stop.
    let ends = context.shutdown.clone();
    let wanted = (&settings.listen, settings.tls_server_config.as_ref(), settings.auth.as_ref());
    let failed = |error: Error| tracing::error!(error = error.report(), "nothing can be watched");
    if let Some(listener) = berth.listen(wanted, &context, &stop, failed).await {
        let connections = settings.taps.saturating_add(CONNECTIONS);
        let service = Answerer { context, most: settings.taps.get(), stop: ends };
        serve(listener, Arc::new(service), Limits::new(connections, HEAD), stop).await;
    }
}

#[cfg(test)]
pub(crate) mod tests;

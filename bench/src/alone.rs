//! `receive` in front of a pipeline that writes nothing: what receiving costs without a store, and the most that any
//! store behind it can reach.

use std::io::Write;

use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Clock, Context, Metrics, Next, Source};
use weir_stages::receive::Receive;

use crate::Result;

/// Receives, and throws away.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:19291")]
    listen: String,
}

/// Runs until it is killed.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let settings: Receive = serde_json::from_value(serde_json::json!({ "listen": arguments.listen }))?;
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
    let next = Next::new(tower::service_fn(async |batch: Batch| Ok(Ack::written(batch.sample_count() as u64))));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    writeln!(std::io::stdout(), "process {} receives on {}", std::process::id(), arguments.listen)?;
    Ok(runtime.block_on(settings.run(context, next))?)
}

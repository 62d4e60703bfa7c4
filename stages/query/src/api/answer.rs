//! From an answer of the pipeline to a reply.

use weir_pipeline::{Answer, Data};

use super::accept::compress;
use super::json;
use super::reply::{JSON, Refusal, Reply};

/// Larger answers are written on a thread of their own, so that none holds up the connections of a worker.
const LONG: usize = 4096;

/// Writes an answer, in gzip where the client accepts it.
pub(super) async fn write(answer: Answer, gzip: bool) -> Result<Reply, Refusal> {
    let is_long = json::size(&answer.data) > LONG;
    let write = move || {
        let reply = Reply::ok(JSON, json::answer(&answer));
        if gzip { compress(reply) } else { reply }
    };
    if !is_long {
        return Ok(write());
    }
    tokio::task::spawn_blocking(write).await.map_err(|_| Refusal::internal("expected the writer to finish"))
}

/// Cuts an answer to `limit` series or names; 0 is no limit. What answers usually did so already.
pub(super) fn truncate(answer: &mut Answer, limit: usize) {
    let over = |len: usize| limit > 0 && len > limit;
    match &mut answer.data {
        Data::Vector(samples) if over(samples.len()) => samples.truncate(limit),
        Data::Matrix(series) if over(series.len()) => series.truncate(limit),
        Data::Series(series) if over(series.len()) => series.truncate(limit),
        Data::Names(names) if over(names.len()) => names.truncate(limit),
        _ => return,
    }
    let warning = "results truncated due to limit";
    if !answer.warnings.iter().any(|own| own == warning) {
        answer.warnings.push(warning.to_owned());
    }
}

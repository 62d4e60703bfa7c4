//! How long a server goes on with a query whose asker is gone.
//!
//! The connection is closed in the middle of the query; from then on the CPU time of the server's threads is read until it
//! stands still.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::Result;
use crate::process::threads_cpu;

/// Between two looks at the CPU time.
const LOOK: Duration = Duration::from_millis(1);

/// A server that took less of a processor than this over [`STILL`] looks does nothing.
const SHARE: f64 = 0.05;
const STILL: usize = 10;

/// When to give up: by then the query has ended by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// The milliseconds from the closed connection to the last look at which the server still worked. The query is given up
/// `after` it was sent.
pub(super) async fn cancel(url: &str, pid: u32, after: Duration) -> Result<f64> {
    let (authority, path) = parts(url)?;
    let mut stream = TcpStream::connect(authority).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await?;
    tokio::time::sleep(after).await;
    drop(stream);
    let begin = Instant::now();
    let mut looks = vec![(begin, threads_cpu(pid)?)];
    while begin.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        looks.push((Instant::now(), threads_cpu(pid)?));
        let Some(&[(from, before), .., (to, now)]) = looks.len().checked_sub(STILL + 1).and_then(|i| looks.get(i..))
        else {
            continue;
        };
        if now.saturating_sub(before).as_secs_f64() < SHARE * (to - from).as_secs_f64() {
            return Ok((from - begin).as_secs_f64() * 1000.0);
        }
    }
    Err(format!("the server still works {PATIENCE:?} after the query was given up").into())
}

fn parts(url: &str) -> Result<(&str, String)> {
    let rest = url.strip_prefix("http://").ok_or("expected a URL")?;
    let (authority, path) = rest.split_once('/').ok_or("expected a path")?;
    Ok((authority, format!("/{path}")))
}

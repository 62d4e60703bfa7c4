//! A target with many series, for who scrapes.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// The metric of a target. Each series has the labels `part` and `series`.
pub const METRIC: &str = "target_total";

/// Answers each request with a page of so many counters, which are other ones each time. Lives as long as the test.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
}

// === impl Target ===

impl Target {
    /// Starts one of `series`, which are dealt out to `parts`.
    pub fn start(series: usize, parts: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for scrape in 1_u64.. {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                // A scraper sends its request at once, and what it says is always the same.
                if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                    let _ = stream.write_all(page(series, parts, scrape).as_bytes());
                }
            }
        });
        Self { address }
    }
}

/// The whole response of a scrape.
fn page(series: usize, parts: usize, scrape: u64) -> String {
    let mut body = format!("# TYPE {METRIC} counter\n");
    for i in 0..series {
        let value = scrape as f64 * (1.0 + i as f64 / 7.0);
        let _ = writeln!(body, "{METRIC}{{part=\"{}\",series=\"{i}\"}} {value}", i % parts);
    }
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

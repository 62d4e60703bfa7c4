//! The smallest HTTP client that the tests need: one request per connection, blocking.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A whole response.
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Sends one request and reads the response; `None` where the connection fails or breaks.
pub fn request(at: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    // HTTP/1.0: no keep-alive and no chunks to take apart.
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {at}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    let body = bytes[end + 4..].to_vec();
    // An answer cut short by a dying process is no answer.
    let length = headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse::<usize>().ok());
    length.is_none_or(|l| l == body.len()).then_some(Response { status, headers, body })
}

/// GETs a path.
pub fn get(at: SocketAddr, path: &str) -> Option<Response> {
    request(at, "GET", path, &[], b"")
}

/// Asks a Prometheus API and returns `data`; panics where it answers an error.
pub fn api(at: SocketAddr, endpoint: &str, params: &[(&str, &str)]) -> Value {
    let response = api_raw(at, endpoint, params).unwrap_or_else(|| panic!("{at} did not answer {endpoint} {params:?}"));
    let body: Value = serde_json::from_slice(&response.body)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&response.body)));
    assert_eq!(body["status"], "success", "{endpoint} {params:?}: {body}");
    body["data"].clone()
}

/// Asks a Prometheus API and returns the whole response.
pub fn api_raw(at: SocketAddr, endpoint: &str, params: &[(&str, &str)]) -> Option<Response> {
    let query: Vec<String> = params.iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect();
    get(at, &format!("/api/v1/{endpoint}?{}", query.join("&")))
}

/// The sum of all series of one of the metrics that a program shows of itself.
pub fn metric(at: SocketAddr, name: &str) -> f64 {
    let text = get(at, "/metrics").unwrap_or_else(|| panic!("{at} does not show its metrics")).text();
    text.lines()
        .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Percent-encodes what is not plain.
pub fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

impl Response {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

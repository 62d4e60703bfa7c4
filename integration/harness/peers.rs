//! The real peers, where they are installed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{Process, free_address};
use super::{http, wait_for};

/// A peer that answers at `address`.
pub struct Peer {
    pub address: SocketAddr,
    /// Runs as long as this lives.
    _process: Process,
}

/// The program `name`, where it is installed. Without it the test prints that it is skipped, or fails where
/// `WEIR_REQUIRE_PEERS` is set.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|p| p.is_file());
    if found.is_none() {
        assert!(std::env::var_os("WEIR_REQUIRE_PEERS").is_none(), "{name} is not installed");
        println!("skipped: {name} is not installed");
    }
    found
}

/// The Python that has the packages of `.ci/python.sh`: `WEIR_PYTHON`. Without it as [`find`].
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("WEIR_PYTHON").filter(|path| !path.is_empty()).map(PathBuf::from);
    if python.is_none() {
        assert!(std::env::var_os("WEIR_REQUIRE_PEERS").is_none(), "WEIR_PYTHON names no Python");
        println!("skipped: WEIR_PYTHON names no Python with the packages of .ci/python.sh");
    }
    python
}

/// A node exporter.
pub fn node_exporter(dir: &Path) -> Option<Peer> {
    let program = find("prometheus-node-exporter")?;
    let address = free_address();
    let mut command = Command::new(program);
    command.arg(format!("--web.listen-address={address}"));
    let process = Process::start(command, &dir.join("node-exporter.log"));
    wait_for("the node exporter", Duration::from_secs(20), || http::get(address, "/metrics"));
    Some(Peer { address, _process: process })
}

/// A Prometheus with this configuration.
pub fn prometheus(dir: &Path, config: &str) -> Option<Peer> {
    prometheus_at(dir, config, free_address())
}

/// A Prometheus with this configuration that listens at `address`, for remote write, too.
pub fn prometheus_at(dir: &Path, config: &str, address: SocketAddr) -> Option<Peer> {
    prometheus_with(dir, config, address, &[])
}

/// The same with further arguments.
pub fn prometheus_with(dir: &Path, config: &str, address: SocketAddr, args: &[&str]) -> Option<Peer> {
    let program = find("prometheus")?;
    let file = dir.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--web.enable-remote-write-receiver")
        .args(args);
    let process = Process::start(command, &dir.join("prometheus.log"));
    wait_for("prometheus", Duration::from_secs(30), || {
        http::get(address, "/-/ready").filter(|response| response.status == 200)
    });
    Some(Peer { address, _process: process })
}

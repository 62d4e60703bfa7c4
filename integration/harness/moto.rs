//! A second S3 server: `moto`, where it is installed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::process::{Process, free_address};
use super::shared::Place;
use super::{http, peers, wait_for};

/// The bucket that is there.
const BUCKET: &str = "metrics";

/// A server with a bucket.
pub struct Moto {
    /// Where the bucket is.
    pub place: Place,
    address: SocketAddr,
    /// Runs as long as this lives.
    _process: Process,
}

// === impl Moto ===

impl Moto {
    /// Starts one, where Python has it.
    pub fn start(dir: &Path) -> Option<Self> {
        let python = peers::python()?;
        let address = free_address();
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/moto_server.py"));
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let process = Process::start(command, &dir.join("moto.log"));
        wait_for("moto to have a bucket", Duration::from_secs(30), || {
            let path = format!("/{BUCKET}");
            http::request(address, "PUT", &path, &[], b"").filter(|response| response.status == 200)
        });
        let keys = dir.join("moto-keys.yaml");
        std::fs::write(&keys, "access_key_id: any\nsecret_access_key: any\n").unwrap();
        let place = Place {
            name: BUCKET.to_owned(),
            endpoint: format!("http://{address}"),
            key: ("any".to_owned(), "any".to_owned()),
            keys: keys.display().to_string(),
            directory: None,
        };
        Some(Self { place, address, _process: process })
    }

    /// How many objects are there whose names begin and end like this.
    pub fn count(&self, begin: &str, end: &str) -> usize {
        let path = format!("/{BUCKET}?list-type=2&prefix={}", http::escape(begin));
        let listed = http::get(self.address, &path).unwrap();
        assert_eq!(listed.status, 200, "{}", listed.text());
        listed.text().matches(&format!("{end}</Key>")).count()
    }
}

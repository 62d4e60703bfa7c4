//! A disk that is full: writes are refused for a while, reads go on, and once there is room all goes on by itself.
//!
//! The disk is a small file system in memory, which takes the right to mount one. Without it the test prints that it was skipped.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::writers::{SERIES, body, found, post};
use crate::harness::{http, now, wait_for};

/// A file system of 16 MiB. Unmounted when dropped.
struct Disk {
    path: PathBuf,
}

/// What was sent, by timestamps in milliseconds.
struct Sender<'a> {
    weir: &'a mut Weir,
    next: i64,
    acked: BTreeSet<i64>,
    refused: BTreeSet<i64>,
}

#[test]
fn a_full_disk_refuses_writes_and_takes_them_again_by_itself_once_there_is_room() {
    check("1h", |sender| {
        for _ in 0..20 {
            sender.is_refused();
            sender.reads_all();
        }
    });
}

#[test]
fn a_disk_that_is_full_while_the_head_is_cut_loses_nothing() {
    check("1s", |sender| {
        // Cuts fail as well, or leave room by what they take off the log: either is right.
        let failed = sender.weir.metric("prometheus_tsdb_wal_writes_failed_total");
        wait_for("more failures", Duration::from_secs(30), || {
            sender.send();
            sender.reads_all();
            (sender.weir.metric("prometheus_tsdb_wal_writes_failed_total") > failed).then_some(())
        });
    });
}

/// Fills the disk of a store whose head is cut so often, lets `while_full` look, and frees it.
fn check(cut_after: &str, while_full: impl FnOnce(&mut Sender<'_>)) {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&dir.path().join("disk")) else { return };
    let pipelines = PIPELINES.replace("${DIR}/central", "${DIR}/disk/central");
    assert_ne!(pipelines, PIPELINES);
    let mut weir = Weir::new(dir.path(), &pipelines);
    let env = [("CUT_AFTER", cut_after)];
    weir.start(&env);
    let mut sender =
        Sender { weir: &mut weir, next: now() - 3_600_000, acked: BTreeSet::new(), refused: BTreeSet::new() };
    for _ in 0..20 {
        assert_eq!(sender.send().status, 204);
    }
    disk.fill();
    // What is left of the last page still takes some.
    wait_for("a refusal", Duration::from_secs(60), || (sender.send().status == 503).then_some(()));
    sender.reads_all();
    while_full(&mut sender);
    assert!(sender.weir.metric("prometheus_tsdb_wal_writes_failed_total") > 0.0);

    disk.free();
    wait_for("writes", Duration::from_secs(30), || (sender.send().status == 204).then_some(()));
    for _ in 0..20 {
        assert_eq!(sender.send().status, 204);
    }
    sender.reads_all();
    sender.weir.kill();
    sender.weir.start(&env);
    sender.reads_all();
    assert_eq!(sender.send().status, 204);
    sender.reads_all();
    let (acked, refused) = (sender.acked.len() * SERIES, sender.refused.len() * SERIES);
    println!("{acked} samples acknowledged, all there once, and {refused} refused");
    weir.stop();
}

// === impl Sender ===

impl Sender<'_> {
    /// Sends one request, which is acknowledged, or refused with a time to come again.
    fn send(&mut self) -> http::Response {
        let at = self.next;
        self.next += 7;
        let response = post(self.weir.receive, &body(0, at)).unwrap();
        if response.status == 204 {
            self.acked.insert(at);
            return response;
        }
        assert_eq!(response.status, 503, "{}", response.text());
        let after = response.header("retry-after").and_then(|text| text.parse::<u64>().ok());
        assert!(after.is_some_and(|seconds| (1..60).contains(&seconds)), "{:?}", response.headers);
        self.refused.insert(at);
        response
    }

    fn is_refused(&mut self) {
        let response = self.send();
        assert_eq!(response.status, 503);
        assert!(response.text().contains("the log can't be written"), "{}", response.text());
    }

    /// All that was acknowledged is there, and nothing that was never sent.
    fn reads_all(&self) {
        let found = found(self.weir.api, 0);
        assert_eq!(found.len(), SERIES);
        for (series, values) in found {
            let missing = self.acked.iter().find(|at| !values.contains_key(at));
            assert_eq!(missing, None, "series {series}");
            let strange = values.keys().find(|at| !self.acked.contains(at) && !self.refused.contains(at));
            assert_eq!(strange, None, "series {series}");
        }
    }
}

// === impl Disk ===

impl Disk {
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "weir-test"]).arg(path).output();
        match done {
            Ok(done) if done.status.success() => Some(Self { path: path.to_owned() }),
            Ok(done) => {
                println!("skipped: nothing may be mounted: {}", String::from_utf8_lossy(&done.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: nothing can be mounted: {error}");
                None
            }
        }
    }

    /// Takes all of the room that there is.
    fn fill(&self) {
        let mut file = File::create(self.path.join("filler")).unwrap();
        let mut part = 1 << 20;
        while part > 0 {
            match file.write(&vec![1; part]) {
                Ok(written) if written > 0 => {}
                _ => part /= 2,
            }
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still has a file of it open keeps it alive, out of sight.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

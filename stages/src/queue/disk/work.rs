//! What a queue on disk does in the background: it writes what comes, gives what is there to the senders, and keeps the cursor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use weir_pipeline::Error;

use super::super::lanes::Lanes;
use super::super::read::{Item, Reader, What, end_of_segment};
use super::super::segment::Position;
use super::super::write::{Files, keep_cursor, path_of};
use super::{AHEAD, Request, Sent, Shared};

/// How many bytes are written and synced in one go, at most, unless a batch is longer.
const GROUP: u64 = 8 << 20;

/// How often the cursor is kept.
const KEEP: Duration = Duration::from_secs(1);

/// How long to wait where the disk can't be read.
const UNREADABLE: Duration = Duration::from_secs(5);

// === impl Shared ===

impl Shared {
    /// Writes what comes, all that waits in one go, until the queue closes.
    pub(super) async fn write(self: Arc<Self>, files: Files, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut files = files;
        loop {
            let first = tokio::select! {
                biased;
                first = requests.recv() => first,
                // What has come by then is still written.
                () = self.closing.cancelled(), if !requests.is_closed() => {
                    requests.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let (mut bytes, mut entries, mut replies) = (0, Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(Request { entry, reply }) = next {
                bytes += entry.size();
                entries.push(entry);
                replies.push(reply);
                next = if bytes < GROUP { requests.try_recv().ok() } else { None };
            }
            let append = move || (files.append(&entries), files);
            let Ok((appended, back)) = tokio::task::spawn_blocking(append).await else { return };
            files = back;
            match appended {
                Ok((number, end)) => {
                    self.ends.send_modify(|ends| _ = ends.insert(number, end));
                    replies.into_iter().for_each(|reply| _ = reply.send(Ok(())));
                }
                Err(error) => {
                    let (dir, text) = (self.dir.display(), error.to_string());
                    tracing::error!(%dir, %error, "the queue can't be written to");
                    self.release(bytes);
                    let failed = || Error::unavailable(format!("expected to write to the queue in `{dir}`: {text}"));
                    replies.into_iter().for_each(|reply| _ = reply.send(Err(failed())));
                }
            }
        }
    }

    /// Gives what is on disk to the senders, until the queue closes. Segments up to `old` were there at the start.
    pub(super) async fn feed(
        self: Arc<Self>,
        lanes: Arc<Lanes>,
        window: Arc<Semaphore>,
        start: Position,
        old: Option<u64>,
    ) {
        let (mut reader, mut at, mut ends) = (Reader::new(&self.dir), start, self.ends.subscribe());
        while !self.closing.is_cancelled() {
            let (end, next) = {
                let ends = ends.borrow_and_update();
                let next = ends.range(at.segment.saturating_add(1)..).next().map(|(number, _)| *number);
                (ends.get(&at.segment).copied().unwrap_or(0), next)
            };
            let items = if at.offset < end {
                let read = move || (reader.read(at, end), reader);
                let Ok((read, back)) = tokio::task::spawn_blocking(read).await else { return };
                reader = back;
                match read {
                    Ok(items) => items,
                    Err(error) => {
                        tracing::error!(dir = %self.dir.display(), %error, "the queue can't be read");
                        self.pause(UNREADABLE).await;
                        continue;
                    }
                }
            } else if let Some(next) = next {
                [end_of_segment(next)].into()
            } else {
                tokio::select! {
                    changed = ends.changed() => if changed.is_err() { return },
                    () = self.closing.cancelled() => return,
                }
                continue;
            };
            for item in items {
                at = item.next;
                if !self.give(item, &lanes, &window, old).await {
                    return;
                }
            }
        }
    }

    /// Gives one item to the senders. False where the queue closes before.
    async fn give(self: &Arc<Self>, item: Item, lanes: &Lanes, window: &Arc<Semaphore>, old: Option<u64>) -> bool {
        let Item { what, next, len } = item;
        let (batch, accepted) = match what {
            What::Batch(batch, accepted) => (batch, accepted),
            What::End => {
                let number = self.flight().begin(next, len);
                self.finish(number);
                return true;
            }
            What::Damaged(samples) => {
                tracing::error!(dir = %self.dir.display(), segment = next.segment, bytes = len, samples, "damaged");
                self.telemetry.damaged(len);
                self.telemetry.lost(samples, "damaged");
                let number = self.flight().begin(next, len);
                self.finish(number);
                return true;
            }
        };
        let kib = u32::try_from(batch.byte_size() / 1024 + 1).unwrap_or(AHEAD).min(AHEAD);
        let permit = tokio::select! {
            biased;
            permit = window.clone().acquire_many_owned(kib) => permit,
            () = self.closing.cancelled() => return false,
        };
        let Ok(permit) = permit else { return false };
        if old.is_some_and(|old| next.segment <= old) {
            self.telemetry.replayed(batch.sample_count() as u64);
        }
        let number = self.flight().begin(next, len);
        lanes.send(batch, accepted, number, Arc::new(Sent { shared: self.clone(), _permit: permit }));
        true
    }

    /// Keeps the cursor now and then, until the queue closes.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut kept = None;
        while !self.closing.is_cancelled() {
            let cursor = self.flight().cursor();
            if kept != Some(cursor) {
                self.tidy().await;
                kept = Some(cursor);
            }
            self.pause(KEEP).await;
        }
    }

    /// Keeps the cursor, and deletes the segments before it.
    pub(super) async fn tidy(&self) {
        let (dir, cursor) = (self.dir.clone(), self.flight().cursor());
        let done: Vec<u64> = self.ends.borrow().range(..cursor.segment).map(|(number, _)| *number).collect();
        let tidy = move || {
            keep_cursor(&dir, cursor)?;
            for number in &done {
                match std::fs::remove_file(path_of(&dir, *number)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(done)
        };
        match tokio::task::spawn_blocking(tidy).await {
            Ok(Ok(done)) => {
                self.ends.send_if_modified(|ends| {
                    done.iter().for_each(|number| _ = ends.remove(number));
                    false
                });
            }
            Ok(Err(error)) => tracing::error!(dir = %self.dir.display(), %error, "the queue can't be tidied"),
            Err(_) => {}
        }
    }
}

//! The targets of a job: who is found is scraped, and who is not found any more ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::task::JoinSet;
use weir_pipeline::targets::TargetPool;
use weir_pipeline::{Error, Result};

use super::discover::{Board, discover};
use super::fetch::Fetch;
use super::heritage::{JobLeft, Left, Past, Waiting};
use super::job::Job;
use super::target::{Built, Target};
use super::worker::{Parts, Worker};

/// The targets of a job.
pub(super) struct Pool<F> {
    job: Arc<Job>,
    fetch: F,
    parts: Parts,
    /// What was found.
    board: Arc<Board>,
    /// Who is scraped, by the target's hash, and whether it still should be.
    workers: HashMap<u64, watch::Sender<bool>>,
    /// With what each leaves.
    running: JoinSet<(u64, Option<Left>)>,
    /// Targets of before a reload.
    waiting: Waiting,
    /// Whether there are more targets than there may be.
    over: Arc<AtomicBool>,
    /// What others see of the job. It is there also without targets.
    status: Arc<TargetPool>,
    /// What is wrong with targets that were found, so that each is told once.
    told: HashSet<String>,
}

// === impl Pool ===

impl<F: Fetch + Clone> Pool<F> {
    /// The targets of a job, which goes on with what it was before a reload.
    pub(super) fn new(job: Job, fetch: F, parts: Parts, left: JobLeft) -> Self {
        let board = Arc::new(Board::new(&job, left.found));
        let waiting = Waiting::new(left.targets);
        let (workers, running, told) = (HashMap::new(), JoinSet::new(), HashSet::new());
        let status = parts.0.targets().pool(&parts.0.pipeline, &job.job_name);
        let over = Arc::new(AtomicBool::new(false));
        Self { job: Arc::new(job), fetch, parts, board, workers, running, waiting, over, status, told }
    }

    /// Scrapes until the program stops. What was sent by then is waited for. Returns the job's name and what it leaves.
    pub(super) async fn run(mut self) -> Result<(String, JobLeft)> {
        let (shutdown, board) = (self.parts.0.shutdown.clone(), self.board.clone());
        let mut discovering = discover(&self.job, &board, &self.parts.2)?;
        let mut leaving = Vec::new();
        self.follow();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.running.join_next() => {
                    let (hash, left) = ended.map_err(broke_off)?;
                    leaving.extend(left);
                    // It may have been found again since its last scrape.
                    if self.workers.remove(&hash).is_some_and(|wanted| *wanted.borrow()) {
                        self.follow();
                    }
                }
                Some(ended) = discovering.join_next() => ended.map_err(broke_off)?,
                () = board.changed() => self.follow(),
            }
        }
        discovering.abort_all();
        self.end_waiting();
        while let Some(ended) = self.running.join_next().await {
            leaving.extend(ended.map_err(broke_off)?.1);
        }
        Ok((self.job.job_name.clone(), JobLeft { targets: leaving, found: board.found() }))
    }

    /// Has those scraped that are found now, and those end that are not.
    fn follow(&mut self) {
        let found = self.targets();
        self.parts.2.targets(&self.job.job_name, found.len());
        let over = self.job.target_limit > 0 && found.len() > self.job.target_limit;
        self.over.store(over, Ordering::Relaxed);
        if over {
            self.parts.2.exceeded_target_limit(&self.job.job_name);
        }
        for (hash, wanted) in &self.workers {
            wanted.send_replace(found.contains_key(hash));
        }
        let hashes: HashSet<u64> = found.keys().copied().collect();
        for (hash, target) in found {
            if !self.workers.contains_key(&hash) {
                let past = self.waiting.take(&target, |hash| hashes.contains(&hash));
                self.start(target, past, true);
            }
        }
        if self.board.is_complete() {
            self.end_waiting();
        }
    }

    /// Has the targets end that were there before a reload and are not found.
    fn end_waiting(&mut self) {
        for Left { target, past, .. } in self.waiting.drain() {
            self.start(target, past, false);
        }
    }

    /// Scrapes a target from its next time on, or says at that time that it ends.
    fn start(&mut self, target: Target, past: Past, wanted: bool) {
        let (hash, (wanted, is_wanted)) = (target.hash(), watch::channel(wanted));
        let worker = Worker::new(self.job.clone(), target, self.fetch.clone(), self.parts.clone()).after(past);
        let scraping = worker.of_pool(is_wanted, self.over.clone()).run();
        self.running.spawn(async move { (hash, scraping.await) });
        self.workers.insert(hash, wanted);
    }

    /// The targets that are found now, by their hashes.
    fn targets(&mut self) -> HashMap<u64, Target> {
        let (mut found, mut dropped, mut wrong) = (HashMap::new(), Vec::new(), HashSet::new());
        for built in self.board.groups().iter().flat_map(|group| self.job.build(group)) {
            match built {
                Ok(Built::Target(target)) => _ = found.insert(target.hash(), *target),
                Ok(Built::Dropped(labels)) => dropped.push(labels),
                Err(why) => _ = wrong.insert(why),
            }
        }
        for why in wrong.difference(&self.told) {
            tracing::warn!(job = self.job.job_name, why, "a target that was found can't be scraped");
        }
        self.parts.2.dropped_targets(&self.job.job_name, dropped.len() + wrong.len());
        self.status.set_dropped(dropped);
        self.told = wrong;
        found
    }
}

fn broke_off(error: tokio::task::JoinError) -> Error {
    Error::internal("the scrapes of a target broke off").with_source(error)
}

#[cfg(test)]
mod tests;

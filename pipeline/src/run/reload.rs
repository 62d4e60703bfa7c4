//! Pipelines that change while they run: what is new is built beside what runs, then takes its place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::timeout;

use super::changed::Changed;
use super::pipe::{Ground, Live, Pipe};
use super::source::Leaving;
use super::{GRACE, Open, Running, in_place};
use crate::assemble::open;
use crate::config::Mistake;
use crate::context::{Context, Resources};
use crate::error::{Error, Place, Result};
use crate::plan::{Declared, Pipeline, Plan};

/// What was built beside what runs.
struct Built {
    pipelines: Vec<Box<dyn Pipe>>,
    resources: Resources,
    opened: Vec<Open>,
    /// The parts of the program that began with it.
    begun: Vec<Context>,
}

// === impl Running ===

impl Running {
    /// Has what files say now run in place of what runs. What they say as before stays as it is; no request is lost: what is
    /// under way ends where it is. Returns once all sources that are new accept what comes; what was replaced drains and closes
    /// in the background. Not cancel safe.
    ///
    /// A resource that keeps its files where one did that changed is opened once that one is closed; meanwhile whoever sends
    /// to pipelines that name it waits.
    ///
    /// # Errors
    /// Nothing changed: there are mistakes, or a resource can't be opened, a stage can't be built, a source can't be had. The
    /// mistakes are logged.
    pub async fn reload(&mut self, plan: Result<Plan, Vec<Mistake>>) -> Result<Changed> {
        let outcome = match plan {
            Ok(plan) => {
                let changed = self.change(&plan).await;
                if changed.is_ok() {
                    self.context.loaded(plan.yaml());
                }
                changed
            }
            Err(mistakes) => Err(refused(&mistakes)),
        };
        self.telemetry.reloaded(outcome.is_ok(), self.context.clock.now());
        if outcome.is_err() {
            self.context.refused();
        }
        match &outcome {
            Ok(changed) => tracing::info!(%changed, "read the pipeline files anew"),
            Err(error) => tracing::error!(error = error.report(), "the pipelines stay as they are"),
        }
        outcome
    }

    /// Opens, builds and starts all of a plan.
    pub(super) async fn begin(&mut self, plan: &Plan) -> Result<()> {
        let built = self.build(plan, &BTreeSet::new()).await?;
        self.enter(plan, built, Vec::new());
        for pipe in &mut self.pipelines {
            pipe.set_run(self.sources.start(&**pipe, &self.context, &self.resources, Vec::new()));
        }
        Ok(())
    }

    async fn change(&mut self, plan: &Plan) -> Result<Changed> {
        if timeout(GRACE, self.settled()).await.is_err() {
            return Err(Error::unavailable("what the last change replaced has not drained yet"));
        }
        let kept = kept(&self.open, &plan.resources);
        let gone: BTreeSet<String> = self.names().difference(&kept).cloned().collect();
        let in_place = in_place::is_needed(&self.open, plan, &kept);
        if in_place {
            self.empty(&gone).await?;
        }
        let changed = self.exchange(plan, &kept).await;
        if in_place && changed.is_err() {
            self.restore(&gone).await;
        }
        changed
    }

    /// Builds what is new, puts it into the place of what runs, and lets that drain.
    async fn exchange(&mut self, plan: &Plan, kept: &BTreeSet<String>) -> Result<Changed> {
        let mut built = self.build(plan, kept).await?;
        built.pipelines.iter().for_each(|pipe| pipe.put());
        let stays = |run: u64| built.pipelines.iter().any(|pipe| pipe.run() == Some(run));
        let leaving = self.pipelines.iter().filter_map(|pipe| pipe.run()).filter(|run| !stays(*run)).collect();
        let leaving = self.dismiss(&leaving, &places(&built.pipelines)).await;
        let begun = self.start_new(&mut built, &leaving);
        if let Err(error) = self.begun(&begun).await {
            self.give_up(built, &begun, &leaving).await;
            return Err(error);
        }
        Ok(self.enter(plan, built, leaving))
    }

    /// Opens what is not kept and composes all pipelines. What was opened closes again where not all can be.
    async fn build(&mut self, plan: &Plan, kept: &BTreeSet<String>) -> Result<Built> {
        let resources = Resources::default();
        kept.iter().for_each(|name| self.resources.share(name, &resources));
        let new = plan.resources.iter().filter(|declared| !kept.contains(&declared.name));
        let mut opened = Vec::new();
        let mut result = self.open_all(new, &resources, &mut opened).await;
        let mut built = Vec::new();
        let mut begun = Vec::new();
        if result.is_ok() {
            let ground = self.ground(&resources, kept);
            for pipeline in &plan.pipelines {
                let pipe = match pipeline {
                    Pipeline::Write(parts) => Live::of(parts, &ground),
                    Pipeline::Read(parts) => Live::of(parts, &ground),
                };
                result = pipe.map(|pipe| built.push(pipe));
                if result.is_err() {
                    break;
                }
            }
            begun = ground.begun.into_inner();
        }
        match result {
            Ok(()) => Ok(Built { pipelines: built, resources, opened, begun }),
            Err(error) => {
                close(&begun, &opened).await;
                Err(error)
            }
        }
    }

    pub(super) fn ground<'a>(&'a self, resources: &'a Resources, kept: &'a BTreeSet<String>) -> Ground<'a> {
        let (root, observers, old) = (&self.context, &self.observers, self.pipelines.as_slice());
        Ground { root, observers, resources, kept, old, begun: RefCell::default() }
    }

    /// Opens resources, each as a part of the program of its own.
    async fn open_all(
        &self,
        new: impl Iterator<Item = &Arc<Declared>>,
        resources: &Resources,
        opened: &mut Vec<Open>,
    ) -> Result<()> {
        for declared in new {
            let context = self.context.part(resources.clone());
            // Noted first: it may register what is to close, and fail then.
            opened.push(Open { declared: declared.clone(), context: context.clone() });
            open(std::slice::from_ref(declared), &context).await?;
        }
        Ok(())
    }

    /// Tells sources to go. Those that accept connections leave their addresses at once, and answer what they have taken; the
    /// others, which may act on the same as those that come, are waited for. `heirs` are the places of those.
    async fn dismiss(&mut self, runs: &BTreeSet<u64>, heirs: &BTreeSet<Place>) -> Vec<Leaving> {
        let quiet: Vec<u64> = runs.iter().copied().filter(|run| !self.sources.listens(*run)).collect();
        let leaving = self.sources.dismiss(runs, heirs);
        for source in leaving.iter().filter(|source| quiet.contains(&source.run)) {
            source.left().await;
        }
        leaving
    }

    /// Starts the sources that do not run yet.
    fn start_new(&mut self, built: &mut Built, leaving: &[Leaving]) -> BTreeSet<u64> {
        let mut begun = BTreeSet::new();
        for pipe in built.pipelines.iter_mut().filter(|pipe| pipe.run().is_none()) {
            let leaving = leaving.iter().map(Leaving::here).collect();
            let run = self.sources.start(&**pipe, &self.context, &built.resources, leaving);
            pipe.set_run(run);
            begun.insert(run);
        }
        begun
    }

    /// Waits until sources accept connections, those that do that.
    ///
    /// # Errors
    /// One of them ended.
    async fn begun(&mut self, runs: &BTreeSet<u64>) -> Result<()> {
        let context = self.context.clone();
        let late = tokio::time::sleep(GRACE);
        tokio::pin!(late);
        loop {
            let listening = self.sources.listening(Some(runs));
            tokio::select! {
                () = context.wait_for_listeners(&listening) => return Ok(()),
                Some(ended) = self.sources.ended() => match ended.error {
                    Some(error) if runs.contains(&ended.run) => return Err(error),
                    error => self.ended.extend(error),
                },
                () = &mut late => return Err(Error::unavailable(format!("expected {} to listen", listening.join(", ")))),
            }
        }
    }

    /// Goes back to what ran before: the new sources go, and those that left come again.
    async fn give_up(&mut self, built: Built, begun: &BTreeSet<u64>, left: &[Leaving]) {
        for pipe in &self.pipelines {
            // One whose resources were closed waits for them.
            if pipe.context().shutdown.is_cancelled() { pipe.hold() } else { pipe.put() }
        }
        let failed = self.dismiss(begun, &places(&self.pipelines)).await;
        for pipe in &mut self.pipelines {
            if left.iter().any(|source| pipe.run() == Some(source.run)) {
                let leaving = failed.iter().map(Leaving::here).collect();
                pipe.set_run(self.sources.start(&**pipe, &self.context, &self.resources, leaving));
            }
        }
        let Built { pipelines, opened, begun, .. } = built;
        let new = pipelines.into_iter().filter(|new| !self.pipelines.iter().any(|old| new.has_tree_of(&**old)));
        self.let_drain(new.collect(), failed, begun, opened);
    }

    /// Makes what was built what runs, and lets what it replaces drain.
    fn enter(&mut self, plan: &Plan, built: Built, leaving: Vec<Leaving>) -> Changed {
        let Built { pipelines, resources, mut opened, .. } = built;
        let mut changed = Changed { opened: names_of(&opened), ..Changed::default() };
        pipelines.iter().for_each(|pipe| pipe.put());
        let old = std::mem::replace(&mut self.pipelines, pipelines);
        let is_kept = |new: &dyn Pipe, old: &dyn Pipe| new.has_tree_of(old) && new.run() == old.run();
        let new = self.pipelines.iter().filter(|new| !old.iter().any(|old| is_kept(&***new, &**old)));
        changed.built = new.map(|pipe| pipe.name().to_owned()).collect();
        let no_more = old.iter().filter(|old| !self.pipelines.iter().any(|new| new.name() == old.name()));
        changed.ended = no_more.map(|pipe| pipe.name().to_owned()).collect();

        let mut before = std::mem::take(&mut self.open);
        for declared in &plan.resources {
            // What was opened, or else what is kept: a declaration may stand elsewhere now.
            let from =
                if opened.iter().any(|open| open.declared.name == declared.name) { &mut opened } else { &mut before };
            let at = from.iter().position(|open| open.declared.name == declared.name);
            self.open.extend(at.map(|at| Open { declared: declared.clone(), ..from.remove(at) }));
        }
        changed.closed = names_of(&before);
        self.resources = resources;
        self.sources.set_resources(&self.resources);
        self.pipelines.iter().for_each(|pipe| pipe.context().resources().become_as(&self.resources));
        let gone = old.into_iter().filter(|old| !self.pipelines.iter().any(|new| new.has_tree_of(&**old)));
        let gone: Vec<_> = gone.collect();
        let parts = gone.iter().map(|pipe| pipe.context().clone()).collect();
        self.let_drain(gone, leaving, parts, before);
        changed
    }

    /// Lets sources return, then trees drain, then ends them, then closes resources: in the background.
    fn let_drain(&mut self, trees: Vec<Box<dyn Pipe>>, leaving: Vec<Leaving>, parts: Vec<Context>, open: Vec<Open>) {
        if trees.is_empty() && leaving.is_empty() && open.is_empty() {
            return;
        }
        self.old.spawn(async move {
            for source in &leaving {
                source.left().await;
            }
            for tree in &trees {
                // Another pipeline may lead into one that is no more.
                tree.close();
                tree.drained().await;
            }
            // Nothing of a tree outlives what it may use.
            drop(trees);
            end(&parts, &open).await
        });
    }
}

/// Where the sources of pipelines are.
fn places(pipelines: &[Box<dyn Pipe>]) -> BTreeSet<Place> {
    pipelines.iter().map(|pipe| pipe.place()).collect()
}

/// The resources that are what they were: they say the same, and so do those that they name.
fn kept(open: &[Open], new: &[Arc<Declared>]) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    // Each comes after those that it names.
    for declared in new {
        let is_open = |open: &Open| open.declared.name == declared.name && open.declared.says_as(declared);
        if open.iter().any(is_open) && declared.needs.iter().all(|need| kept.contains(need)) {
            kept.insert(declared.name.clone());
        }
    }
    kept
}

/// Ends parts of the program, the last one first, then closes resources. Returns every failure.
async fn end(parts: &[Context], open: &[Open]) -> Vec<Error> {
    let mut errors = Vec::new();
    for part in parts.iter().rev().chain(open.iter().rev().map(|open| &open.context)) {
        errors.extend(part.end().await);
    }
    errors
}

/// As [`end`]; what fails is logged.
async fn close(parts: &[Context], open: &[Open]) {
    for error in end(parts, open).await {
        tracing::error!(error = error.report(), "while closing what was opened in vain");
    }
}

/// The error of files with mistakes, each of which is logged.
fn refused(mistakes: &[Mistake]) -> Error {
    for mistake in mistakes {
        tracing::error!(%mistake, "a mistake in the pipeline files");
    }
    let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Error::invalid(all.join("\n"))
}

fn names_of(open: &[Open]) -> Vec<String> {
    open.iter().map(|open| open.declared.name.clone()).collect()
}

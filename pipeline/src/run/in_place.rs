//! Resources that change where they are: the old one closes before the new one opens.

use std::collections::BTreeSet;

use tokio::time::timeout;

use super::{GRACE, Open, Running};
use crate::assemble::open;
use crate::error::{Error, Result};
use crate::plan::{Plan, apart};

/// Whether a resource that is to be opened keeps its files where one does that is to be closed.
pub(super) fn is_needed(open: &[Open], plan: &Plan, kept: &BTreeSet<String>) -> bool {
    let gone = open.iter().map(|open| &open.declared).filter(|declared| !kept.contains(&declared.name));
    let taken: BTreeSet<_> = gone.flat_map(|declared| apart::directories(declared)).collect();
    let new = plan.resources.iter().filter(|declared| !kept.contains(&declared.name));
    new.flat_map(|declared| apart::directories(declared)).any(|directory| taken.contains(&directory))
}

// === impl Running ===

impl Running {
    /// Closes resources whose files others are to have. Whoever sends to a pipeline that uses them waits from here on, and
    /// what is under way there ends.
    ///
    /// # Errors
    /// Nothing changed: something is under way for too long, or a source uses such a resource itself.
    pub(super) async fn empty(&mut self, gone: &BTreeSet<String>) -> Result<()> {
        if let Some(pipe) = self.pipelines.iter().find(|pipe| pipe.source_needs(gone)) {
            let message = "it uses a resource that keeps its files where it did: that needs a restart";
            return Err(Error::invalid(message).at(&pipe.place()));
        }
        let held: Vec<_> = self.pipelines.iter().filter(|pipe| pipe.tree_needs(gone)).collect();
        held.iter().for_each(|pipe| pipe.hold());
        let drained = async {
            for pipe in &held {
                pipe.drained().await;
            }
        };
        if timeout(GRACE, drained).await.is_err() {
            held.iter().for_each(|pipe| pipe.put());
            return Err(Error::unavailable(format!(
                "what uses a resource that changed did not drain within {GRACE:?}"
            )));
        }
        let parts = held.iter().map(|pipe| pipe.context());
        let open = self.open.iter().rev().filter(|open| gone.contains(&open.declared.name)).map(|open| &open.context);
        for part in parts.chain(open) {
            for error in part.end().await {
                tracing::error!(error = error.report(), "while closing what is to change");
            }
        }
        Ok(())
    }

    /// Opens again what was closed, with all that uses it. Where that fails the program ends.
    pub(super) async fn restore(&mut self, gone: &BTreeSet<String>) {
        if let Err(error) = self.reopen(gone).await {
            tracing::error!(error = error.report(), "what was closed can't be opened again");
            self.ended.push(error);
        }
    }

    async fn reopen(&mut self, gone: &BTreeSet<String>) -> Result<()> {
        // What was opened in its place has to be closed.
        if timeout(GRACE, self.settled()).await.is_err() {
            return Err(Error::unavailable("what was opened in vain did not drain"));
        }
        for again in self.open.iter_mut().filter(|open| gone.contains(&open.declared.name)) {
            again.context = self.context.part(self.resources.clone());
            open(std::slice::from_ref(&again.declared), &again.context).await?;
        }
        let none = BTreeSet::new();
        let ground = self.ground(&self.resources, &none);
        let held = self.pipelines.iter().enumerate().filter(|(_, pipe)| pipe.tree_needs(gone));
        let anew: Vec<_> = held.map(|(i, pipe)| Ok((i, pipe.anew(&ground)?))).collect::<Result<_>>()?;
        for (i, pipe) in anew {
            pipe.put();
            if let Some(old) = self.pipelines.get_mut(i) {
                *old = pipe;
            }
        }
        Ok(())
    }
}

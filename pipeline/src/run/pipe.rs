//! A pipeline that runs: its source, the swap below it, and its tree.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::assemble::{Assemble, assemble};
use crate::context::{Context, Resources};
use crate::error::{Place, Result};
use crate::observe::Observers;
use crate::path::Path;
use crate::plan::Parts;
use crate::swap::{Swap, Tree};

/// A pipeline that runs, or is about to.
pub(super) struct Live<P: Path> {
    parts: Arc<Parts<P>>,
    swap: Arc<Swap<P>>,
    tree: Arc<Tree<P>>,
    /// The part of the program that the tree is.
    context: Context,
    /// The run of its source, once there is one.
    run: Option<u64>,
}

/// Starts a source, which may be done again.
pub(super) type Start = Box<dyn Fn(Context) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A pipeline of either path.
pub(super) trait Pipe: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// Its name.
    fn name(&self) -> &str;
    /// The place of its source.
    fn place(&self) -> Place;
    /// Whether its tree names one of these resources.
    fn tree_needs(&self, names: &BTreeSet<String>) -> bool;
    /// Whether its source names one of these resources.
    fn source_needs(&self, names: &BTreeSet<String>) -> bool;
    /// Whether its source accepts connections.
    fn listens(&self) -> bool;
    /// Starts its source, over whatever tree the swap has.
    fn source(&self) -> Start;
    /// The run of its source.
    fn run(&self) -> Option<u64>;
    /// Says which run of its source there is.
    fn set_run(&mut self, run: u64);
    /// Puts its tree into the swap.
    fn put(&self);
    /// Leaves the swap without a tree: whoever sends waits.
    fn hold(&self);
    /// Refuses what still comes to its tree.
    fn close(&self);
    /// Waits until every request in its tree is answered.
    fn drained(&self) -> BoxFuture<'_, ()>;
    /// The part of the program that its tree is.
    fn context(&self) -> &Context;
    /// Whether it has the tree of another one.
    fn has_tree_of(&self, other: &dyn Pipe) -> bool;
    /// The same with a new tree.
    fn anew(&self, ground: &Ground<'_>) -> Result<Box<dyn Pipe>>;
}

/// What a pipeline is built with.
pub(super) struct Ground<'a> {
    pub(super) root: &'a Context,
    pub(super) observers: &'a Observers,
    /// The resources that it can name.
    pub(super) resources: &'a Resources,
    /// The names of those that are what they were.
    pub(super) kept: &'a BTreeSet<String>,
    /// The pipelines that run.
    pub(super) old: &'a [Box<dyn Pipe>],
    /// The parts of the program that began here: what is to end where not all can be built.
    pub(super) begun: RefCell<Vec<Context>>,
}

// === impl Live ===

impl<P: Assemble> Live<P> {
    /// The pipeline of these parts: with the tree and the source of the one that runs under its name, as far as these are
    /// what they were.
    pub(super) fn of(parts: &Arc<Parts<P>>, ground: &Ground<'_>) -> Result<Box<dyn Pipe>> {
        let old = ground.old.iter().find(|old| old.name() == parts.name);
        let old = old.and_then(|old| old.as_any().downcast_ref::<Self>());
        let swap = old.map_or_else(|| Arc::new(Swap::new()), |old| old.swap.clone());
        let kept = |needs: &[String]| needs.iter().all(|name| ground.kept.contains(name));
        let source = old.filter(|old| old.parts.source.says_as(&parts.source) && kept(&parts.source.needs));
        let run = source.and_then(|old| old.run);
        let parts = parts.clone();
        Ok(Box::new(match old.filter(|old| old.parts.tree_says_as(&parts) && parts.tree_needs().all(kept)) {
            Some(old) => Self { parts, swap, tree: old.tree.clone(), context: old.context.clone(), run },
            None => {
                let (tree, context) = ground.grow(&parts)?;
                Self { parts, swap, tree, context, run }
            }
        }))
    }
}

// === impl Ground ===

impl Ground<'_> {
    /// Builds a tree, as a part of the program of its own.
    fn grow<P: Assemble>(&self, parts: &Arc<Parts<P>>) -> Result<(Arc<Tree<P>>, Context)> {
        let context = self.root.part(self.resources.clone());
        self.begun.borrow_mut().push(context.clone());
        let next = assemble(parts, &context, self.observers)?;
        Ok((Arc::new(Tree::new(next)), context))
    }
}

impl<P: Assemble> Pipe for Live<P> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        &self.parts.name
    }

    fn place(&self) -> Place {
        format!("{}.source.{}", self.parts.name, self.parts.source.kind).into()
    }

    fn tree_needs(&self, names: &BTreeSet<String>) -> bool {
        self.parts.tree_needs().flatten().any(|name| names.contains(name))
    }

    fn source_needs(&self, names: &BTreeSet<String>) -> bool {
        self.parts.source.needs.iter().any(|name| names.contains(name))
    }

    fn listens(&self) -> bool {
        self.parts.source.value.listens()
    }

    fn source(&self) -> Start {
        let (source, swap) = (self.parts.source.value.clone(), self.swap.clone());
        Box::new(move |context| source.run(context, swap.next()))
    }

    fn run(&self) -> Option<u64> {
        self.run
    }

    fn set_run(&mut self, run: u64) {
        self.run = Some(run);
    }

    fn put(&self) {
        self.swap.put(Some(self.tree.clone()));
    }

    fn hold(&self) {
        self.swap.put(None);
    }

    fn close(&self) {
        self.swap.close(&self.tree, &self.parts.name);
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        self.tree.drained().boxed()
    }

    fn context(&self) -> &Context {
        &self.context
    }

    fn has_tree_of(&self, other: &dyn Pipe) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| Arc::ptr_eq(&self.tree, &other.tree))
    }

    fn anew(&self, ground: &Ground<'_>) -> Result<Box<dyn Pipe>> {
        let (parts, swap, run) = (self.parts.clone(), self.swap.clone(), self.run);
        let (tree, context) = ground.grow(&parts)?;
        Ok(Box::new(Self { parts, swap, tree, context, run }))
    }
}

// === impl Parts ===

impl<P: Path> Parts<P> {
    /// Whether all below the source says the same as in another one.
    fn tree_says_as(&self, other: &Self) -> bool {
        self.external_labels == other.external_labels
            && self.steps.len() == other.steps.len()
            && self.steps.iter().zip(&other.steps).all(|(own, other)| own.says_as(other))
            && self.sink.says_as(&other.sink)
    }

    /// What each part below the source names of the resources.
    fn tree_needs(&self) -> impl Iterator<Item = &[String]> {
        let steps = self.steps.iter().map(|step| step.needs.as_slice());
        steps.chain([self.sink.needs.as_slice()])
    }
}

//! What pipeline files can name: an explicit list, filled by `register` functions.

use std::any::type_name;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::config::Node;
use crate::config::de::{Found, find};
use crate::context::Context;
use crate::error::Result;
use crate::fanout::{Fanout, Rest};
use crate::next::Next;
use crate::path::{Path, Read, Write};
use crate::resource::Resource;
use crate::sink::Sink;
use crate::source::Source;
use crate::stage::Stage;
use crate::transform::{Transform, Transformed};

/// What pipeline files can name.
///
/// ```ignore
/// let registry = Registry::default().with(stages::register).with(scale::register);
/// ```
#[derive(Default)]
pub struct Registry {
    write: Components<Write>,
    read: Components<Read>,
    resources: BTreeMap<&'static str, ResourceKind>,
    twice: Vec<String>,
}

/// The components of one path.
pub struct Components<P: Path> {
    pub(crate) sources: BTreeMap<&'static str, Parse<Arc<dyn AnySource<P>>>>,
    pub(crate) steps: BTreeMap<&'static str, Parse<Step<P>>>,
    pub(crate) sinks: BTreeMap<&'static str, Parse<Arc<dyn AnySink<P>>>>,
}

/// Reads the settings of one kind: file, path, node.
pub(crate) type Parse<T> = fn(&str, &str, &Node) -> Found<T>;

/// A kind of resource.
#[derive(Clone, Copy)]
pub(crate) struct ResourceKind {
    pub(crate) parse: Parse<Arc<dyn AnyResource>>,
    /// The type of what it opens, as [`Reference::of`](crate::config::de::Reference::of) has it.
    pub(crate) opens: &'static str,
}

/// What stands between source and sink.
pub(crate) enum Step<P: Path> {
    Stage(Arc<dyn AnyStage<P>>),
    Fanout(Arc<dyn AnyFanout<P>>),
}

pub(crate) trait AnySource<P: Path>: Send + Sync {
    fn listens(&self) -> bool;
    fn run(&self, context: Context, next: Next<P>) -> BoxFuture<'static, Result<()>>;
}

pub(crate) trait AnyStage<P: Path>: Send + Sync {
    fn wrap(&self, context: &Context, next: Next<P>) -> Result<Next<P>>;
}

pub(crate) trait AnyFanout<P: Path>: Send + Sync {
    fn split(&self, context: &Context, rest: Rest<P>) -> Result<Next<P>>;
}

pub(crate) trait AnySink<P: Path>: Send + Sync {
    fn open(&self, context: &Context) -> Result<Next<P>>;
}

pub(crate) trait AnyResource: Send + Sync {
    fn directories(&self) -> Vec<PathBuf>;
    fn open<'a>(&'a self, name: &'a str, context: &'a Context) -> BoxFuture<'a, Result<()>>;
}

/// The settings of a component, behind one of the traits above.
struct Erased<S>(S);

// === impl Registry ===

impl Registry {
    /// The registry with what `register` adds.
    #[must_use]
    pub fn with(mut self, register: impl FnOnce(&mut Self)) -> Self {
        register(&mut self);
        self
    }

    /// Adds a source.
    pub fn source<P: Path, S: Source<P>>(&mut self) -> &mut Self {
        let old = P::components_mut(self).sources.insert(S::NAME, |file, path, node| {
            read(file, path, node, |s: S| Arc::new(Erased(s)) as Arc<dyn AnySource<P>>)
        });
        self.once("source", S::NAME, old.is_none())
    }

    /// Adds a stage.
    pub fn stage<P: Path, S: Stage<P>>(&mut self) -> &mut Self {
        let old = P::components_mut(self)
            .steps
            .insert(S::NAME, |file, path, node| read(file, path, node, |s: S| Step::Stage(Arc::new(Erased(s)))));
        self.once("stage", S::NAME, old.is_none())
    }

    /// Adds a fan-out.
    pub fn fanout<P: Path, F: Fanout<P>>(&mut self) -> &mut Self {
        let old = P::components_mut(self)
            .steps
            .insert(F::NAME, |file, path, node| read(file, path, node, |f: F| Step::Fanout(Arc::new(Erased(f)))));
        self.once("stage", F::NAME, old.is_none())
    }

    /// Adds a transform, as a stage of the write path.
    pub fn transform<T: Transform>(&mut self) -> &mut Self {
        let old = self.write.steps.insert(T::NAME, |file, path, node| {
            read(file, path, node, |t: T| Step::Stage(Arc::new(Transformed::new(t))))
        });
        self.once("stage", T::NAME, old.is_none())
    }

    /// Adds a sink.
    pub fn sink<P: Path, S: Sink<P>>(&mut self) -> &mut Self {
        let old = P::components_mut(self).sinks.insert(S::NAME, |file, path, node| {
            read(file, path, node, |s: S| Arc::new(Erased(s)) as Arc<dyn AnySink<P>>)
        });
        self.once("sink", S::NAME, old.is_none())
    }

    /// Adds a kind of resource.
    pub fn resource<R: Resource>(&mut self) -> &mut Self {
        let parse: Parse<_> =
            |file, path, node| read(file, path, node, |r: R| Arc::new(Erased(r)) as Arc<dyn AnyResource>);
        let old = self.resources.insert(R::NAME, ResourceKind { parse, opens: type_name::<R::Opened>() });
        self.once("resource", R::NAME, old.is_none())
    }

    /// What was registered twice under one name: a mistake of the program, which `check` reports.
    pub fn twice(&self) -> &[String] {
        &self.twice
    }

    /// The names of the kinds of resources.
    pub fn resource_names(&self) -> impl Iterator<Item = &'static str> {
        self.resources.keys().copied()
    }

    /// The names of the sources, stages and sinks of a path.
    pub fn names<P: Path>(&self) -> [Vec<&'static str>; 3] {
        let components = P::components(self);
        [
            components.sources.keys().copied().collect(),
            components.steps.keys().copied().collect(),
            components.sinks.keys().copied().collect(),
        ]
    }

    pub(crate) fn resource_kinds(&self) -> &BTreeMap<&'static str, ResourceKind> {
        &self.resources
    }

    pub(crate) fn write(&self) -> &Components<Write> {
        &self.write
    }

    pub(crate) fn write_mut(&mut self) -> &mut Components<Write> {
        &mut self.write
    }

    pub(crate) fn read(&self) -> &Components<Read> {
        &self.read
    }

    pub(crate) fn read_mut(&mut self) -> &mut Components<Read> {
        &mut self.read
    }

    fn once(&mut self, kind: &str, name: &str, first: bool) -> &mut Self {
        if !first {
            self.twice.push(format!("{kind} `{name}` is registered twice"));
        }
        self
    }
}

/// Reads settings and erases their type.
fn read<S: DeserializeOwned, T>(file: &str, path: &str, node: &Node, erase: impl FnOnce(S) -> T) -> Found<T> {
    let Found { value, references, secrets, mistakes } = find::<S>(file, path, node);
    Found { value: value.map(erase), references, secrets, mistakes }
}

impl<P: Path> Default for Components<P> {
    fn default() -> Self {
        Self { sources: BTreeMap::new(), steps: BTreeMap::new(), sinks: BTreeMap::new() }
    }
}

// === impl Erased ===

impl<P: Path, S: Source<P>> AnySource<P> for Erased<S> {
    fn listens(&self) -> bool {
        S::LISTENS
    }

    fn run(&self, context: Context, next: Next<P>) -> BoxFuture<'static, Result<()>> {
        self.0.clone().run(context, next).boxed()
    }
}

impl<P: Path, S: Stage<P>> AnyStage<P> for Erased<S> {
    fn wrap(&self, context: &Context, next: Next<P>) -> Result<Next<P>> {
        self.0.clone().wrap(context, next)
    }
}

impl<P: Path, F: Fanout<P>> AnyFanout<P> for Erased<F> {
    fn split(&self, context: &Context, rest: Rest<P>) -> Result<Next<P>> {
        self.0.clone().split(context, rest)
    }
}

impl<P: Path, S: Sink<P>> AnySink<P> for Erased<S> {
    fn open(&self, context: &Context) -> Result<Next<P>> {
        self.0.clone().open(context)
    }
}

impl<R: Resource> AnyResource for Erased<R> {
    fn directories(&self) -> Vec<PathBuf> {
        self.0.directories()
    }

    fn open<'a>(&'a self, name: &'a str, context: &'a Context) -> BoxFuture<'a, Result<()>> {
        async move {
            let opened = self.0.clone().open(context).await?;
            context.keep_resource(name, opened);
            Ok(())
        }
        .boxed()
    }
}

//! Where a source's pipeline is exchanged while the source runs.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::ReusableBoxFuture;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use crate::error::{Error, Result};
use crate::next::{Next, Reply};
use crate::path::Path;

/// Everything of a pipeline below its source, and what is under way in it.
pub(crate) struct Tree<P: Path> {
    next: Next<P>,
    under_way: TaskTracker,
}

/// What stands between a source and its tree. While it has no tree, whoever sends waits for one.
pub(crate) struct Swap<P: Path>(watch::Sender<Current<P>>);

type Current<P> = Option<Arc<Tree<P>>>;

/// A handle of the source. A request is wholly in one tree: that which it was sent to.
struct Handle<P: Path> {
    trees: watch::Receiver<Current<P>>,
    /// The tree for which this handle was made ready.
    ready: Option<(Arc<Tree<P>>, Next<P>)>,
    /// Ends once there is another tree.
    changed: Option<ReusableBoxFuture<'static, ()>>,
}

// === impl Tree ===

impl<P: Path> Tree<P> {
    pub(crate) fn new(next: Next<P>) -> Self {
        Self { next, under_way: TaskTracker::new() }
    }

    /// Waits until every request in it is answered. To be called once nothing new comes.
    pub(crate) async fn drained(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}

// === impl Swap ===

impl<P: Path> Swap<P> {
    /// One that has no tree yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The source's end.
    pub(crate) fn next(&self) -> Next<P> {
        Next::new(Handle { trees: self.0.subscribe(), ready: None, changed: None })
    }

    /// Puts a tree in the place of the one that was there, or takes that away. What is under way ends in its own tree.
    pub(crate) fn put(&self, tree: Current<P>) {
        // The one that was there goes outside of the lock.
        drop(self.0.send_replace(tree));
    }

    /// Refuses what still comes where it has this tree, because the pipeline is no more; to be repeated, since another one may
    /// take its place.
    pub(crate) fn close(&self, tree: &Arc<Tree<P>>, pipeline: &str) {
        let message = format!("the pipeline `{pipeline}` is no more");
        let refusal = Next::from_fn(move |_| {
            let message = message.clone();
            async move { Err(Error::unavailable(message)) }
        });
        let is_there = self.0.borrow().as_ref().is_some_and(|current| Arc::ptr_eq(current, tree));
        if is_there {
            self.put(Some(Arc::new(Tree::new(refusal))));
        }
    }
}

// === impl Handle ===

impl<P: Path> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { trees: self.trees.clone(), ready: None, changed: None }
    }
}

impl<P: Path> Service<P::Request> for Handle<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let current = self.trees.borrow_and_update().clone();
            let old = self.ready.take();
            if let Some(tree) = current {
                let next = match old {
                    Some((of, next)) if Arc::ptr_eq(&of, &tree) => next,
                    _ => tree.next.clone(),
                };
                let (_, next) = self.ready.insert((tree, next));
                if let Poll::Ready(ready) = next.poll_ready(cx) {
                    self.changed = None;
                    return Poll::Ready(ready);
                }
            }
            // A tree that is not ready may give way to one that is.
            let changed = self.changed.get_or_insert_with(|| another(self.trees.clone()));
            ready!(changed.poll(cx));
            self.changed = None;
        }
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        if let Some((tree, mut next)) = self.ready.take() {
            let current = self.trees.borrow();
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &tree)) {
                // Whoever takes the tree away waits for this borrow, and then sees that a request is under way.
                let under_way = tree.under_way.token();
                drop(current);
                let reply = next.call(request);
                return async move {
                    let _under_way = under_way;
                    reply.await
                }
                .boxed();
            }
        }
        // It was made ready for a tree that is gone.
        self.clone().oneshot(request).boxed()
    }
}

/// Waits until there is another tree than the receiver has seen.
fn another<P: Path>(mut trees: watch::Receiver<Current<P>>) -> ReusableBoxFuture<'static, ()> {
    ReusableBoxFuture::new(async move {
        if trees.changed().await.is_err() {
            // The program is gone: there will be none.
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests;

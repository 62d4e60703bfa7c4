//! How much stack a query needs, and where that is.
//!
//! Plans are walked by recursion, and streams poll each other: each level of an expression takes some KiB of stack, in a build
//! without optimization many more.

use weir_pipeline::Result;
use weir_pipeline::thread::apart;

/// The stack of what plans and runs the deepest expression. Only what is used of it takes memory.
pub(super) const STACK: usize = 512 << 20;

/// Expressions of so few levels are planned and run on a stack as threads have it.
const LITTLE: usize = 8;

/// Expressions of so few levels run on a stack as threads have it, once they are planned elsewhere.
const USUAL: usize = 50;

/// How much stack something needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Any will do.
    Little,
    /// Planning needs more than threads have.
    Usual,
    /// Running, too.
    Much,
}

// === impl Need ===

impl Need {
    /// That of an expression of so many levels.
    pub(super) fn of(levels: usize) -> Self {
        match levels {
            few if few <= LITTLE => Self::Little,
            usual if usual <= USUAL => Self::Usual,
            _ => Self::Much,
        }
    }
}

/// Runs `work` where the stack is deep, for a runtime whose threads have none such: on a thread of its own, so that what panics takes
/// no other query along.
pub(crate) async fn deep<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    apart("plan", Some(STACK), work).await?
}

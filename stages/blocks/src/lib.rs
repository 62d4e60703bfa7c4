//! The store: log, head and blocks, and the sink that writes to it.

mod background;
pub mod block;
pub mod blocks;
pub mod bucket;
pub mod catalog;
pub mod chunk;
pub mod decimal;
pub mod depot;
pub mod extras;
pub mod gather;
pub mod head;
mod interned;
mod lasts;
pub mod log;
pub mod merge;
pub mod order;
mod register;
pub mod samples;
pub mod seam;
mod starts;
pub mod store;
#[cfg(test)]
mod testing;

pub use blocks::Blocks;
pub use depot::Depot;
pub use gather::{Gather, Gathered};
pub use lasts::Lasts;
pub use register::register;
pub use samples::Samples;
pub use store::changes::ChangeLog;
pub use store::{Run, Selection, Stats, Store};

pub(crate) use weir_pipeline::varint;

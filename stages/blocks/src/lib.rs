//! The store: log, head and blocks, and the sink that writes to it.

pub mod chunk;
pub mod log;
pub mod merge;
pub mod seam;
#[cfg(test)]
mod testing;
mod varint;

//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

pub mod filter;
mod memo;
pub mod receive;
pub mod relabel;
pub mod remote_write;

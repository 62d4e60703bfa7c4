//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

pub mod receive;
pub mod remote_write;

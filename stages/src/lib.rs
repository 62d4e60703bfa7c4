//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

pub mod remote_write;

//! What sources that listen have in common.

pub(crate) mod budget;
pub(crate) mod server;

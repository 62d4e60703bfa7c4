//! How the nodes of one cluster talk to each other.

pub mod wire;

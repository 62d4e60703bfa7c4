//! Pipeline files: YAML with positions, and all mistakes at once.

mod access;
pub mod de;
pub mod env;
mod filler;
pub mod fuzz;
mod known;
pub mod mistake;
pub mod node;
pub mod parse;
pub mod shape;
mod wrong;

pub use de::{Settings, settings};
pub use env::Env;
pub use mistake::{Mistake, nearest};
pub use node::{Key, Node, Position, Value};
pub use parse::parse;
pub(crate) use parse::{Tree, tree};

#[cfg(test)]
mod tests;

//! PromQL as text: from text to a checked tree, and back.
//!
//! Shape: [`parse`] reads the whole language of Prometheus 3.14, experimental parts included, into an [`ast::Expr`] whose
//! nodes know where they stand; `Display` writes a tree as canonical text, which parses to the same tree, and [`pretty`] a
//! query as Prometheus formats it.
//!
//! Errors: a [`ParseError`] with Prometheus' message and position. Only the first error of a text is reported, as there.
//! Beyond Prometheus' own rules a text is at most [`MAX_QUERY_BYTES`] long, has at most [`MAX_PARTS`] parts, nests at most
//! [`MAX_NESTING`] deep, and chains at most about [`MAX_DEPTH`] operators, so that it takes little memory, and no recursion over
//! a tree can overflow a stack. What has only a small one walks chains of left operands by loops.
//!
//! Source: `promql/parser` of Prometheus 3.14.0 (`lex.go`, `generated_parser.y`, `parse.go`, `functions.go`).

pub mod ast;
mod check;
mod duration;
pub mod functions;
pub mod fuzz;
mod lexer;
mod number;
mod parser;
mod position;
mod pretty;
mod print;
pub mod source;

pub use duration::{format_duration, parse_duration};
pub(crate) use number::parse_number;
pub use position::{ParseError, Position};
pub use pretty::{pretty, pretty_expr};

use weir_pipeline::Matcher;

use ast::Expr;
use parser::Parser;

/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// How deep expressions may stand within each other: in parentheses, as arguments, as right operands. All walks over trees
/// recurse so deep, on stacks of 2 MiB.
pub const MAX_NESTING: usize = 100;

/// How many expressions and matchers a text may have: each takes some KiB where it is planned, or shown as a tree.
pub const MAX_PARTS: usize = 30_000;

/// The deepest tree, where left operands count too: each operator of `a or b or c` is a level. Plans are several nodes deep
/// for each level, and are walked by recursion, on threads with large stacks.
pub const MAX_DEPTH: usize = 2000;

/// Reads a PromQL expression and checks its types.
///
/// # Errors
/// The text is not an expression, is too long, or nests too deep.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut expr = Parser::new(text)?.expression()?;
    check::check(&mut expr, text)?;
    Ok(expr)
}

/// A tree as Prometheus writes it, beside the text that it was read from: what was a duration there is one.
pub fn written(expr: &Expr, text: &str) -> String {
    print::Written { node: expr, text: Some(text) }.to_string()
}

/// Reads one series selector, as in `match[]`: a vector selector without range, `offset` and `@`.
///
/// # Errors
/// The text is not a series selector or is too long.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    Parser::new(text)?.metric_selector()
}

#[cfg(test)]
mod tests;

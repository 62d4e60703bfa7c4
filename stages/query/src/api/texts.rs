//! What is told of a query's text alone: its canonical form, and its tree.

use super::form::Form;
use super::reply::Refusal;
use super::service::envelope;
use super::tree::tree;
use crate::engine::deep;
use crate::syntax::ast::Expr;
use crate::syntax::{self, pretty_expr};

/// A tree of so few levels is written on a stack as threads have it.
const SHALLOW: usize = 50;

/// A query as canonical text.
pub(super) async fn formatted(form: &Form) -> Result<String, Refusal> {
    write(form, |expr, text| pretty_expr(&expr, text)).await
}

/// The tree of a query, in the envelope of the API.
pub(super) async fn parsed(form: &Form) -> Result<String, Refusal> {
    write(form, |expr, text| envelope(&tree(&expr, text), &[])).await
}

/// Both, where that needs no deep stack.
pub(super) fn fuzz(form: &Form) -> Result<(), Refusal> {
    let (expr, text) = read(form)?;
    if expr.depth() <= SHALLOW {
        _ = (pretty_expr(&expr, text), tree(&expr, text));
    }
    Ok(())
}

/// What `write` makes of a query, where the stack is deep enough for it.
async fn write(form: &Form, write: fn(Expr, &str) -> String) -> Result<String, Refusal> {
    let (expr, text) = read(form)?;
    if expr.depth() <= SHALLOW {
        return Ok(write(expr, text));
    }
    let text = text.to_owned();
    deep(move || Ok(write(expr, &text))).await.map_err(|error| Refusal::of(&error, None))
}

fn read(form: &Form) -> Result<(Expr, &str), Refusal> {
    let text = form.get("query");
    let wrong = |error| Refusal::bad(format!("invalid parameter \"query\": {error}"));
    Ok((syntax::parse(text).map_err(wrong)?, text))
}

//! A statement: what may be asked, and which tables it names.
//!
//! Shape: one statement that reads: SELECT, VALUES, EXPLAIN, SHOW, DESCRIBE. Plans are walked by recursion, so that
//! neither the depth of expressions nor the number of tables is without limit.

use std::ops::ControlFlow;

use datafusion::common::{Result, TableReference};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use weir_pipeline::Error;

use super::catalog::SCHEMA;
use super::session::CATALOG;
use crate::exec::context::to_datafusion;

/// The longest text.
pub(crate) const MAX_BYTES: usize = 64 << 10;

/// The deepest expression.
const MAX_DEPTH: usize = 200;

/// The most tables and SELECTs.
const MAX_TABLES: usize = 200;

/// A statement that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// As it was read.
    pub(super) parsed: Parsed,
    /// The metrics that it names.
    pub(crate) named: Named,
}

/// Which metrics a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// These, of which some may not be there.
    Metrics(Vec<String>),
    /// Whatever there is.
    All,
}

/// Measures a statement.
#[derive(Default)]
struct Measure {
    depth: usize,
    tables: usize,
}

// === impl Statement ===

impl Statement {
    /// A statement that was looked at, which names these tables.
    pub(super) fn new(parsed: Parsed, references: Vec<TableReference>) -> Self {
        Self { parsed, named: named(references) }
    }
}

/// Looks at a statement.
///
/// # Errors
/// It does not only read, or is too large.
pub(super) fn check(parsed: &Parsed) -> Result<()> {
    let invalid = |text: String| Err(to_datafusion(Error::invalid(text)));
    let statement = match parsed {
        Parsed::Explain(explain) => return check(&explain.statement),
        Parsed::Statement(statement) => statement,
        Parsed::CopyTo(_) | Parsed::CreateExternalTable(_) | Parsed::Reset(_) => return invalid(only_reading()),
    };
    let reads = matches!(
        **statement,
        ast::Statement::Query(_)
            | ast::Statement::Explain { .. }
            | ast::Statement::ExplainTable { .. }
            | ast::Statement::ShowTables { .. }
            | ast::Statement::ShowColumns { .. }
            | ast::Statement::ShowFunctions { .. }
            | ast::Statement::ShowVariable { .. }
            | ast::Statement::ShowVariables { .. }
    );
    if !reads {
        return invalid(only_reading());
    }
    match statement.visit(&mut Measure::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => invalid(what),
    }
}

fn only_reading() -> String {
    "expected a statement that reads: SELECT, VALUES, EXPLAIN, SHOW or DESCRIBE".to_owned()
}

/// The metrics that these are.
fn named(references: Vec<TableReference>) -> Named {
    let mut metrics = Vec::new();
    for reference in references {
        let (own, table) = match &reference {
            TableReference::Bare { table } => (true, table),
            TableReference::Partial { schema, table } => (**schema == *SCHEMA, table),
            TableReference::Full { catalog, schema, table } => (**catalog == *CATALOG && **schema == *SCHEMA, table),
        };
        if reference.schema() == Some("information_schema") {
            return Named::All;
        }
        if own {
            metrics.push(table.to_string());
        }
    }
    Named::Metrics(metrics)
}

// === impl Measure ===

impl Measure {
    fn table(&mut self) -> ControlFlow<String> {
        self.tables += 1;
        if self.tables > MAX_TABLES {
            return ControlFlow::Break(format!("expected at most {MAX_TABLES} tables and SELECTs"));
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Measure {
    type Break = String;

    fn pre_visit_select(&mut self, _: &ast::Select) -> ControlFlow<String> {
        self.table()
    }

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<String> {
        self.table()
    }

    fn pre_visit_table_factor(&mut self, _: &ast::TableFactor) -> ControlFlow<String> {
        self.table()
    }

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<String> {
        if let ast::Expr::Value(value) = expr
            && let ast::Value::Placeholder(name) = &value.value
        {
            let text = format!("expected a statement without parameters, got `{name}`: write values into it");
            return ControlFlow::Break(text);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return ControlFlow::Break(format!("expected expressions of at most {MAX_DEPTH} levels"));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &ast::Expr) -> ControlFlow<String> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }
}

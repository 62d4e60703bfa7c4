//! Functions of labels alone: `label_replace`, `label_join`, and the orders of `sort` and `sort_by_label`.

use weir_pipeline::{Error, Result};

use super::{Planned, Planner};
use crate::exec::relabel::Relabel;
use crate::exec::sort::{By, Sort};
use crate::functions::labels::{LabelJoin, LabelReplace};
use crate::syntax::ast::{Expr, Span};

impl Planner<'_> {
    /// `label_replace(v, dst, replacement, src, regex)`, `label_join(v, dst, separator, src, …)`
    pub(super) fn relabel(&self, name: &str, vector: &Expr, texts: &[Expr]) -> Result<Planned> {
        let texts = texts.iter().map(|text| self.text_of(text)).collect::<Result<Vec<_>>>()?;
        let relabel = match (name, texts.as_slice()) {
            ("label_replace", [destination, replacement, source, regex]) => {
                LabelReplace::new(destination, replacement, source, regex).map(Relabel::Replace)
            }
            (_, [destination, separator, sources @ ..]) => {
                LabelJoin::new(destination, separator, sources.to_vec()).map(Relabel::Join)
            }
            _ => return Err(self.error(vector.span, "expected texts")),
        };
        let relabel = relabel.map_err(Error::unprocessable)?;
        self.vector_node(relabel, vec![self.vector(vector)?]).map(Planned::Vector)
    }

    /// `sort(v)`, `sort_by_label(v, label, …)`, and the same descending.
    pub(super) fn sort(&self, name: &str, vector: &Expr, names: &[Expr], span: Span) -> Result<Planned> {
        let by = match name {
            "sort" | "sort_desc" => By::Value,
            _ => By::Labels(names.iter().map(|name| self.text_of(name)).collect::<Result<_>>()?),
        };
        let over_time = self.steps.start != self.until;
        let sort = Sort { by, descending: name.ends_with("_desc"), over_time, span };
        self.vector_node(sort, vec![self.vector(vector)?]).map(Planned::Vector)
    }
}

//! Types: what may be the operand of what.
//!
//! Source: `checkAST` of `promql/parser/parse.go` in Prometheus 3.14.0, with its messages and its order.

use weir_pipeline::labels::METRIC;
use weir_pipeline::selector::quote;

use super::ast::{Aggregate, AggregateOp, Binary, Call, Expr, ExprKind, Group, Matching, Selector, Span, ValueType};
use super::position::ParseError;

/// Checks `expr`, read from `text`, and writes what follows from its types into it: set operators match many to many,
/// and where one side is a scalar there is no matching.
pub(super) fn check(expr: &mut Expr, text: &str) -> Result<(), ParseError> {
    Checker { text }.expr(expr)?;
    Ok(())
}

struct Checker<'a> {
    text: &'a str,
}

type Checked<T = ()> = Result<T, ParseError>;

// === impl Checker ===

impl Checker<'_> {
    fn expr(&self, expr: &mut Expr) -> Checked<ValueType> {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Paren(inner) => {
                self.expr(inner)?;
            }
            ExprKind::Unary { expr: inner, .. } => {
                let got = self.expr(inner)?;
                if !matches!(got, ValueType::Scalar | ValueType::Vector) {
                    let message = "unary expression only allowed on expressions of type scalar or instant vector";
                    return self.fault(span, format!("{message}, got \"{got}\""));
                }
            }
            ExprKind::Binary(_) => return self.chain(expr),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate)?,
            ExprKind::Call(call) => self.call(call, span)?,
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => self.selector(selector, span)?,
            ExprKind::Subquery(subquery) => {
                let got = self.expr(&mut subquery.expr)?;
                if got != ValueType::Vector {
                    let got = got.short();
                    return self.fault(span, format!("subquery is only allowed on instant vector, got {got} instead"));
                }
            }
        }
        Ok(expr.value_type())
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Checked {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
        let Some(param) = &mut aggregate.param else { return Ok(()) };
        let want = if aggregate.op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
        self.expect(param, want, "aggregation parameter")
    }

    fn expect(&self, expr: &mut Expr, want: ValueType, context: &str) -> Checked {
        let got = self.expr(expr)?;
        if got == want {
            return Ok(());
        }
        self.fault(expr.span, format!("expected type {want} in {context}, got {got}"))
    }

    /// Operators, of which one is the left operand of the next: by a loop, for a chain is deeper than the stack.
    fn chain(&self, expr: &mut Expr) -> Checked<ValueType> {
        let (mut operators, mut inner) = (Vec::new(), std::mem::replace(expr, Expr::nothing()));
        while let ExprKind::Binary(binary) = &mut inner.kind {
            let lhs = std::mem::replace(&mut binary.lhs, Expr::nothing());
            operators.push(std::mem::replace(&mut inner, lhs));
        }
        let mut got = self.expr(&mut inner)?;
        while let Some(mut operator) = operators.pop() {
            let span = operator.span;
            if let ExprKind::Binary(binary) = &mut operator.kind {
                binary.lhs = inner;
                got = self.binary(binary, got, span)?;
            }
            inner = operator;
        }
        *expr = inner;
        Ok(got)
    }

    /// An operator whose left operand is checked, and of the type `lhs`.
    fn binary(&self, binary: &mut Binary, lhs: ValueType, span: Span) -> Checked<ValueType> {
        let rhs = self.expr(&mut binary.rhs)?;
        let op = binary.op;
        let scalars = (lhs, rhs) == (ValueType::Scalar, ValueType::Scalar);
        if binary.return_bool && !op.is_comparison() {
            return self.fault(self.between(binary), "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !binary.return_bool && scalars {
            return self.fault(self.between(binary), "comparisons between scalars must use BOOL modifier");
        }
        let matching = &mut binary.matching;
        if op.is_set() && matching.group == Group::OneToOne {
            matching.group = Group::ManyToMany;
        }
        if matching.on
            && let Some(label) = matching.labels.iter().find(|label| matching.include.contains(label))
        {
            let message = format!("label {} must not occur in ON and GROUP clause at once", quote(label));
            return self.fault(self.between(binary), message);
        }
        for (operand, got) in [(&binary.lhs, lhs), (&binary.rhs, rhs)] {
            if !matches!(got, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fault(operand.span, message);
            }
        }
        self.matching(binary, (lhs, rhs), span)?;
        Ok(if scalars { ValueType::Scalar } else { ValueType::Vector })
    }

    fn matching(&self, binary: &mut Binary, types: (ValueType, ValueType), span: Span) -> Checked {
        let (op, matching) = (binary.op, &mut binary.matching);
        let is_filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if types != (ValueType::Vector, ValueType::Vector) {
            if !matching.labels.is_empty() {
                return self.fault(span, "vector matching only allowed between instant vectors");
            }
            if is_filled {
                return self.fault(span, "filling in missing series only allowed between instant vectors");
            }
            *matching = Matching::default();
            if op.is_set() {
                return self.fault(span, format!("set operator \"{op}\" not allowed in binary scalar expression"));
            }
        } else if op.is_set() {
            if matching.group != Group::ManyToMany {
                return self.fault(span, format!("no grouping allowed for \"{op}\" operation"));
            }
            if is_filled {
                return self.fault(span, "filling in missing series not allowed for set operators");
            }
        }
        Ok(())
    }

    fn call(&self, call: &mut Call, span: Span) -> Checked {
        let (function, got) = (call.function, call.args.len());
        let (least, most) = (function.min, function.max);
        let name = quote(function.name);
        let wrong = |expected: String| self.fault(span, format!("expected {expected} in call to {name}, got {got}"));
        if least == most && got != least {
            return wrong(format!("{least} argument(s)"));
        }
        if got < least {
            return wrong(format!("at least {least} argument(s)"));
        }
        if got > most {
            return wrong(format!("at most {most} argument(s)"));
        }
        let is_info = function.name == "info";
        if is_info && let Some(arg) = call.args.get(1) {
            self.info(arg, span)?;
        }
        for (index, arg) in call.args.iter_mut().enumerate() {
            let Some(&want) = function.args.get(index).or(function.args.last()) else { break };
            if is_info && index == 1 {
                continue;
            }
            let is = self.expr(arg)?;
            if is != want {
                let message = format!("expected type {want} in call to function {name}, got {is}");
                return self.fault(arg.span, message);
            }
        }
        Ok(())
    }

    /// The second argument of `info`, in the call at `span`: matchers, which may select everything.
    fn info(&self, arg: &Expr, span: Span) -> Checked {
        let got = arg.value_type();
        if got != ValueType::Vector {
            let message = format!("expected type instant vector in call to function \"info\", got {got}");
            return self.fault(span, message);
        }
        let ExprKind::Selector(_) = &arg.kind else { return self.fault(arg.span, "expected label selectors only") };
        if !self.text.get(arg.span.start as usize..).unwrap_or("").starts_with('{') {
            return self.fault(arg.span, "expected label selectors only, got vector selector instead");
        }
        Ok(())
    }

    fn selector(&self, selector: &Selector, span: Span) -> Checked {
        let is_named = !self.text.get(span.start as usize..).unwrap_or("").starts_with('{');
        let mut names = selector.matchers.iter().filter(|matcher| matcher.name == METRIC);
        if is_named {
            let name = names.next().map(|matcher| matcher.value.as_str()).unwrap_or_default();
            return match names.next() {
                None => Ok(()),
                Some(twice) => {
                    let (one, other) = (quote(name), quote(&twice.value));
                    self.fault(span, format!("metric name must not be set twice: {one} or {other}"))
                }
            };
        }
        if selector.matchers.iter().all(|matcher| matcher.matches_empty()) {
            return self.fault(span, "vector selector must contain at least one non-empty matcher");
        }
        Ok(())
    }

    /// From the end of the left operand to the start of the right one, without the space around.
    fn between(&self, binary: &Binary) -> Span {
        let (start, end) = (binary.lhs.span.end, binary.rhs.span.start);
        let text = self.text.get(start as usize..end as usize).unwrap_or("");
        let space = [' ', '\t', '\n', '\r'];
        let start = start + (text.len() - text.trim_start_matches(space).len()) as u32;
        Span { start, end: end - (text.len() - text.trim_end_matches(space).len()) as u32 }
    }

    fn fault<T>(&self, span: Span, message: impl Into<String>) -> Checked<T> {
        Err(ParseError::new(self.text, span, message))
    }
}

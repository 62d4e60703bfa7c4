//! What is asked of whole trees. Left operands are walked by loops, and dropped so: a chain of operators is deeper than some stacks.

use super::{Binary, Expr, ExprKind, Selector, Span, ValueType};

// === impl Expr ===

impl Expr {
    /// What stands for an expression that is taken out.
    pub(in crate::syntax) fn nothing() -> Self {
        Self { kind: ExprKind::Number(0.0), span: Span::default() }
    }

    /// All selectors within it, in the order of the text.
    pub fn selectors(&self) -> Vec<&Selector> {
        let (mut left, mut found) = (vec![self], Vec::new());
        while let Some(expr) = left.pop() {
            match &expr.kind {
                ExprKind::Number(_) | ExprKind::String(_) => {}
                ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => left.push(expr),
                ExprKind::Binary(binary) => left.extend([&binary.rhs, &binary.lhs]),
                ExprKind::Aggregate(aggregate) => left.extend(std::iter::once(&aggregate.expr).chain(&aggregate.param)),
                ExprKind::Call(call) => left.extend(call.args.iter().rev()),
                ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => found.push(selector),
                ExprKind::Subquery(subquery) => left.push(&subquery.expr),
            }
        }
        found
    }

    /// How many levels its tree has.
    pub fn depth(&self) -> usize {
        let (mut expr, mut above, mut most) = (self, 1, 0);
        while let ExprKind::Binary(binary) = &expr.kind {
            most = most.max(above + binary.rhs.depth());
            (expr, above) = (&binary.lhs, above + 1);
        }
        let below = match &expr.kind {
            ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => expr.depth(),
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter().chain([&aggregate.expr]).map(Self::depth).max().unwrap_or(0)
            }
            ExprKind::Call(call) => call.args.iter().map(Self::depth).max().unwrap_or(0),
            ExprKind::Subquery(subquery) => subquery.expr.depth(),
            _ => 0,
        };
        most.max(above + below)
    }

    /// The type of its value.
    pub fn value_type(&self) -> ValueType {
        let mut expr = self;
        while let ExprKind::Binary(binary) = &expr.kind {
            if binary.rhs.value_type() != ValueType::Scalar {
                return ValueType::Vector;
            }
            expr = &binary.lhs;
        }
        let value = match &expr.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => expr.value_type(),
            ExprKind::Binary(_) | ExprKind::Aggregate(_) | ExprKind::Selector(_) => ValueType::Vector,
            ExprKind::Call(call) => call.function.value,
            ExprKind::Matrix { .. } | ExprKind::Subquery(_) => ValueType::Matrix,
        };
        let is_operand = !std::ptr::eq(expr, self);
        if is_operand && value != ValueType::Scalar { ValueType::Vector } else { value }
    }
}

// === impl Binary ===

impl Binary {
    /// This operator and those that are its left operand, and the left operand of that, and so on: the innermost first.
    pub fn chain(&self) -> Vec<&Self> {
        let mut chain = vec![self];
        let mut last = self;
        while let ExprKind::Binary(binary) = &last.lhs.kind {
            chain.push(binary);
            last = binary;
        }
        chain.reverse();
        chain
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let mut lhs = std::mem::replace(&mut self.lhs, Expr::nothing());
        while let ExprKind::Binary(binary) = &mut lhs.kind {
            lhs = std::mem::replace(&mut binary.lhs, Expr::nothing());
        }
    }
}

//! From tokens to a tree: a Pratt parser.
//!
//! Source: `promql/parser/generated_parser.y` of Prometheus 3.14.

use super::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ExprKind, Group, Matching, Span};
use super::lexer::{Kind, Token, tokens};
use super::{Fault, MAX_DEPTH, Parsed, functions};

/// What the parser has left of a text.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

/// An expression and how deep its tree is.
pub(super) struct Deep {
    pub(super) expr: Expr,
    pub(super) depth: usize,
}

/// The aggregation operators by name.
const AGGREGATES: [(&str, AggregateOp); 14] = [
    ("sum", AggregateOp::Sum),
    ("avg", AggregateOp::Avg),
    ("count", AggregateOp::Count),
    ("min", AggregateOp::Min),
    ("max", AggregateOp::Max),
    ("group", AggregateOp::Group),
    ("stddev", AggregateOp::Stddev),
    ("stdvar", AggregateOp::Stdvar),
    ("topk", AggregateOp::Topk),
    ("bottomk", AggregateOp::Bottomk),
    ("count_values", AggregateOp::CountValues),
    ("quantile", AggregateOp::Quantile),
    ("limitk", AggregateOp::Limitk),
    ("limit_ratio", AggregateOp::LimitRatio),
];

/// The binary operators, with how tightly they bind.
const OPERATORS: [(&str, BinaryOp, u8); 18] = [
    ("or", BinaryOp::Or, 1),
    ("and", BinaryOp::And, 2),
    ("unless", BinaryOp::Unless, 2),
    ("==", BinaryOp::Equal, 3),
    ("!=", BinaryOp::NotEqual, 3),
    ("<", BinaryOp::Less, 3),
    ("<=", BinaryOp::LessEqual, 3),
    (">", BinaryOp::Greater, 3),
    (">=", BinaryOp::GreaterEqual, 3),
    ("+", BinaryOp::Add, 4),
    ("-", BinaryOp::Sub, 4),
    ("*", BinaryOp::Mul, 5),
    ("/", BinaryOp::Div, 5),
    ("%", BinaryOp::Mod, 5),
    ("atan2", BinaryOp::Atan2, 5),
    ("</", BinaryOp::TrimUpper, 5),
    (">/", BinaryOp::TrimLower, 5),
    ("^", BinaryOp::Pow, 6),
];

/// How tightly a sign binds: as `*`, so that `-1^2` is `-(1^2)`.
const SIGN: u8 = 5;

// === impl AggregateOp ===

impl AggregateOp {
    /// The name.
    pub fn as_str(self) -> &'static str {
        AGGREGATES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it has a parameter before the expression.
    pub fn has_param(self) -> bool {
        use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Quantile, Topk};
        matches!(self, Topk | Bottomk | CountValues | Quantile | Limitk | LimitRatio)
    }
}

// === impl BinaryOp ===

impl BinaryOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        OPERATORS.iter().find(|(_, op, _)| *op == self).map_or("", |(name, ..)| name)
    }

    /// Whether it is `and`, `or` or `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }
}

// === impl Parser: tokens ===

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Parsed<Self> {
        Ok(Self { text, tokens: tokens(text)?, next: 0, depth: 0 })
    }

    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, and the parser does not go beyond it.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn peek_second(&self) -> &Token {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)]
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    /// The text of a token.
    pub(super) fn source(&self, token: &Token) -> &'a str {
        &self.text[token.span.start as usize..token.span.end as usize]
    }

    /// The lowercase text of the next token, where it is a name.
    pub(super) fn keyword(&self) -> Option<String> {
        let token = self.peek();
        (token.kind == Kind::Name).then(|| self.source(token).to_ascii_lowercase())
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, Kind::Symbol(s) if s == symbol)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.next += usize::from(found);
        found
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.keyword().is_some_and(|k| k == keyword);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, symbol: &'static str, context: &str) -> Parsed<Token> {
        if self.is_symbol(symbol) { Ok(self.advance()) } else { Err(self.unexpected(context, &format!("{symbol:?}"))) }
    }

    /// `unexpected … in …, expected …`, about the next token.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> Fault {
        let token = self.peek();
        let mut message = format!("unexpected {}", self.describe(token));
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        Fault::new(token.span, message)
    }

    fn describe(&self, token: &Token) -> String {
        let text = self.source(token);
        match &token.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Number(_) => format!("number {text:?}"),
            Kind::Duration(_) => format!("duration {text:?}"),
            Kind::String(_) => format!("string {text:?}"),
            Kind::Symbol(s) if OPERATORS.iter().any(|(name, ..)| name == s) => format!("<op:{s}>"),
            Kind::Symbol(s) => format!("{s:?}"),
            Kind::Name => {
                let lower = text.to_ascii_lowercase();
                if AGGREGATES.iter().any(|(name, _)| *name == lower) {
                    format!("<aggr:{lower}>")
                } else if OPERATORS.iter().any(|(name, ..)| *name == lower) {
                    format!("<op:{lower}>")
                } else if KEYWORDS.contains(&lower.as_str()) {
                    format!("<{lower}>")
                } else {
                    format!("identifier {text:?}")
                }
            }
        }
    }

    pub(super) fn span_from(&self, start: u32) -> Span {
        let last = self.next.saturating_sub(1).min(self.tokens.len() - 1);
        Span { start, end: self.tokens[last].span.end.max(start) }
    }

    pub(super) fn too_deep(&self, span: Span) -> Fault {
        Fault::new(span, format!("expected an expression of at most {MAX_DEPTH} levels"))
    }
}

const KEYWORDS: [&str; 10] =
    ["by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "anchored", "smoothed"];

// === impl Parser: expressions ===

impl Parser<'_> {
    /// The whole text as one expression.
    pub(super) fn whole(&mut self) -> Parsed<Expr> {
        if self.peek().kind == Kind::End {
            return Err(Fault::new(Span::default(), "no expression found in input"));
        }
        let expr = self.expression(1)?.expr;
        if self.peek().kind != Kind::End {
            return Err(self.unexpected("", ""));
        }
        Ok(expr)
    }

    /// An expression of operators that bind at least as tightly as `precedence`.
    pub(super) fn expression(&mut self, precedence: u8) -> Parsed<Deep> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep(self.peek().span));
        }
        let mut left = self.unary()?;
        while let Some((op, binds)) = self.operator().filter(|(_, binds)| *binds >= precedence) {
            self.advance();
            let (return_bool, matching) = self.matching(op)?;
            // `^` is the one operator that groups from the right.
            let right = self.expression(if op == BinaryOp::Pow { binds } else { binds + 1 })?;
            let matching = self.fill(matching)?;
            let depth = left.depth.max(right.depth) + 1;
            let span = Span { start: left.expr.span.start, end: right.expr.span.end };
            if depth > MAX_DEPTH {
                return Err(self.too_deep(span));
            }
            let binary = Binary { op, lhs: left.expr, rhs: right.expr, return_bool, matching };
            left = Deep { expr: Expr { kind: ExprKind::Binary(Box::new(binary)), span }, depth };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<(BinaryOp, u8)> {
        let token = self.peek();
        let name = match token.kind {
            Kind::Symbol(symbol) => symbol.to_owned(),
            Kind::Name => self.source(token).to_ascii_lowercase(),
            _ => return None,
        };
        OPERATORS.iter().find(|(n, ..)| *n == name).map(|(_, op, binds)| (*op, *binds))
    }

    fn unary(&mut self) -> Parsed<Deep> {
        let start = self.peek().span.start;
        let negative = self.is_symbol("-");
        if !negative && !self.is_symbol("+") {
            let primary = self.primary()?;
            return self.postfix(primary);
        }
        self.advance();
        let operand = self.expression(SIGN + 1)?;
        let span = Span { start, end: operand.expr.span.end };
        if operand.depth >= MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        let kind = match operand.expr.kind {
            // The sign of a number belongs to it.
            ExprKind::Number(n) => ExprKind::Number(if negative { -n } else { n }),
            _ => ExprKind::Unary { negative, expr: Box::new(operand.expr) },
        };
        Ok(Deep { expr: Expr { kind, span }, depth: operand.depth + 1 })
    }

    pub(super) fn primary(&mut self) -> Parsed<Deep> {
        let token = self.peek().clone();
        let leaf = |kind| Deep { expr: Expr { kind, span: token.span }, depth: 1 };
        match &token.kind {
            Kind::Number(n) => {
                self.advance();
                Ok(leaf(ExprKind::Number(*n)))
            }
            Kind::Duration(ms) => {
                self.advance();
                Ok(leaf(ExprKind::Number(*ms as f64 / 1000.0)))
            }
            Kind::String(text) => {
                self.advance();
                Ok(leaf(ExprKind::String(text.clone())))
            }
            Kind::Symbol("(") => {
                self.advance();
                let inner = self.expression(1)?;
                self.expect(")", "paren expression")?;
                let kind = ExprKind::Paren(Box::new(inner.expr));
                Ok(Deep { expr: Expr { kind, span: self.span_from(token.span.start) }, depth: inner.depth + 1 })
            }
            Kind::Symbol("{") => self.selector(None),
            Kind::Name => self.named(&token),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// What begins with a name: an aggregation, a call, or a selector.
    fn named(&mut self, token: &Token) -> Parsed<Deep> {
        let text = self.source(token);
        let lower = text.to_ascii_lowercase();
        let opens = |t: &Token| t.kind == Kind::Symbol("(");
        let second = self.peek_second();
        if let Some((_, op)) = AGGREGATES.iter().find(|(name, _)| *name == lower) {
            let grouped = second.kind == Kind::Name
                && ["by", "without"].contains(&self.source(second).to_ascii_lowercase().as_str());
            if opens(second) || grouped {
                return self.aggregate(*op);
            }
        }
        if opens(second) && !text.contains(':') {
            return self.call(token);
        }
        self.advance();
        self.selector(Some((text.to_owned(), token.span.start)))
    }

    fn aggregate(&mut self, op: AggregateOp) -> Parsed<Deep> {
        let start = self.advance().span.start;
        let mut grouping = self.grouping()?;
        let (mut args, depth) = self.arguments("aggregation")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = self.span_from(start);
        let wanted = if op.has_param() { 2 } else { 1 };
        if args.is_empty() {
            return Err(Fault::new(span, "no arguments for aggregate expression provided"));
        }
        if args.len() != wanted {
            let got = args.len();
            let message =
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}");
            return Err(Fault::new(span, message));
        }
        let (without, labels) = grouping.unwrap_or_default();
        let expr = args.remove(wanted - 1);
        let aggregate = Aggregate { op, expr, param: args.pop(), without, labels };
        Ok(Deep { expr: Expr { kind: ExprKind::Aggregate(Box::new(aggregate)), span }, depth: depth + 1 })
    }

    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.keyword().as_deref() {
            Some("by") => false,
            Some("without") => true,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some((without, self.labels()?)))
    }

    fn call(&mut self, name: &Token) -> Parsed<Deep> {
        let text = self.source(name);
        let Some(function) = functions::find(text) else {
            return Err(Fault::new(name.span, format!("unknown function with name {text:?}")));
        };
        self.advance();
        let (args, depth) = self.arguments("function call")?;
        let span = self.span_from(name.span.start);
        Ok(Deep { expr: Expr { kind: ExprKind::Call(Call { function, args }), span }, depth: depth + 1 })
    }

    /// `(a, b, …)`, and how deep the deepest argument is.
    fn arguments(&mut self, context: &str) -> Parsed<(Vec<Expr>, usize)> {
        self.expect("(", context)?;
        let (mut args, mut depth) = (Vec::new(), 0);
        if self.take_symbol(")") {
            return Ok((args, depth));
        }
        loop {
            let arg = self.expression(1)?;
            depth = depth.max(arg.depth);
            args.push(arg.expr);
            if self.take_symbol(")") {
                return Ok((args, depth));
            }
            if !self.is_symbol(",") {
                return Err(self.unexpected(context, "\",\" or \")\""));
            }
            let comma = self.advance();
            if self.is_symbol(")") {
                return Err(Fault::new(comma.span, "trailing commas not allowed in function call args"));
            }
        }
    }

    /// `(a, b, …)`, a comma after the last one allowed.
    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect("(", "grouping opts")?;
        let mut labels = Vec::new();
        while !self.take_symbol(")") {
            let token = self.peek().clone();
            match &token.kind {
                Kind::Name if !self.source(&token).contains(':') => labels.push(self.source(&token).to_owned()),
                Kind::String(name) if !name.is_empty() => labels.push(name.clone()),
                // `inf` and `nan` are numbers elsewhere, and names here.
                Kind::Number(_) if self.source(&token).starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    labels.push(self.source(&token).to_owned());
                }
                _ => return Err(self.unexpected("grouping opts", "label")),
            }
            self.advance();
            if !self.take_symbol(",") && !self.is_symbol(")") {
                return Err(self.unexpected("grouping opts", "\",\" or \")\""));
            }
        }
        Ok(labels)
    }

    /// What may stand between an operator and its right operand.
    fn matching(&mut self, op: BinaryOp) -> Parsed<(bool, Matching)> {
        let return_bool = self.take_keyword("bool");
        let mut matching = Matching::default();
        if op.is_set() {
            matching.group = Group::ManyToMany;
        }
        if let Some(keyword) = self.keyword().filter(|k| k == "on" || k == "ignoring") {
            self.advance();
            matching.on = keyword == "on";
            matching.labels = self.labels()?;
            if let Some(keyword) = self.keyword().filter(|k| k == "group_left" || k == "group_right") {
                let span = self.advance().span;
                if op.is_set() {
                    return Err(Fault::new(span, format!("no grouping allowed for {:?} operation", op.as_str())));
                }
                matching.group = if keyword == "group_left" { Group::Left } else { Group::Right };
                if self.is_symbol("(") {
                    matching.include = self.labels()?;
                }
            }
        }
        Ok((return_bool, self.fill(matching)?))
    }

    /// `fill(x)`, `fill_left(x)`, `fill_right(x)`.
    fn fill(&mut self, mut matching: Matching) -> Parsed<Matching> {
        while let Some(side) = self.keyword().filter(|k| matches!(k.as_str(), "fill" | "fill_left" | "fill_right")) {
            if self.peek_second().kind != Kind::Symbol("(") {
                break;
            }
            let span = self.advance().span;
            self.expect("(", "fill modifier")?;
            let value = self.signed_number("fill modifier")?;
            self.expect(")", "fill modifier")?;
            if matching.group == Group::ManyToMany {
                return Err(Fault::new(span, "filling in missing series not allowed for set operators"));
            }
            if side != "fill_right" {
                matching.fill_left = Some(value);
            }
            if side != "fill_left" {
                matching.fill_right = Some(value);
            }
        }
        Ok(matching)
    }

    pub(super) fn signed_number(&mut self, context: &str) -> Parsed<f64> {
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.advance();
        }
        let number = match self.peek().kind {
            Kind::Number(n) => n,
            Kind::Duration(ms) => ms as f64 / 1000.0,
            _ => return Err(self.unexpected(context, "number")),
        };
        self.advance();
        Ok(if negative { -number } else { number })
    }
}

//! Selectors, and what may follow an expression: ranges, `offset`, `@`, `anchored`, `smoothed`.

use weir_pipeline::labels::METRIC;
use weir_pipeline::{MatchOp, Matcher};

use super::ast::{At, DurationExpr, Expr, ExprKind, Extension, Selector, Shift, Span, Subquery};
use super::lexer::Kind;
use super::parser::{Deep, Parser};
use super::{Fault, MAX_DEPTH, Parsed};

/// Times of `@` beyond these overflow elsewhere, as in Prometheus.
const MAX_SECONDS: f64 = i64::MAX as f64 / 1000.0;

impl Parser<'_> {
    /// `name{…}`; the name is read already, the next token is what follows it.
    pub(super) fn selector(&mut self, name: Option<(String, u32)>) -> Parsed<Deep> {
        let start = name.as_ref().map_or(self.peek().span.start, |(_, start)| *start);
        let mut matchers = Vec::new();
        let mut metric = None;
        if let Some((name, _)) = name {
            matchers.push(Matcher::equal(METRIC, name.clone()));
            metric = Some(name);
        }
        if self.take_symbol("{") {
            self.matchers(&mut metric, &mut matchers)?;
        }
        let span = self.span_from(start);
        if let Some(first) = metric {
            let second = matchers.iter().filter(|m| m.name == METRIC && m.op == MatchOp::Equal).nth(1);
            if let Some(second) = second {
                let message = format!("metric name must not be set twice: {first:?} or {:?}", second.value);
                return Err(Fault::new(span, message));
            }
        }
        if matchers.iter().all(Matcher::matches_empty) {
            return Err(Fault::new(span, "vector selector must contain at least one non-empty matcher"));
        }
        let selector = Selector { matchers, shift: Shift::default(), extension: None };
        Ok(Deep { expr: Expr { kind: ExprKind::Selector(selector), span }, depth: 1 })
    }

    fn matchers(&mut self, metric: &mut Option<String>, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        while !self.take_symbol("}") {
            let token = self.peek().clone();
            let quoted = matches!(token.kind, Kind::String(_));
            let name = match &token.kind {
                Kind::Name if !self.source(&token).contains(':') => self.source(&token).to_owned(),
                Kind::Number(_) if self.source(&token).starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    self.source(&token).to_owned()
                }
                Kind::String(name) => name.clone(),
                _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
            };
            self.advance();
            if quoted && (self.is_symbol(",") || self.is_symbol("}")) {
                if let Some(first) = metric {
                    let message = format!("metric name must not be set twice: {first:?} or {name:?}");
                    return Err(Fault::new(token.span, message));
                }
                matchers.push(Matcher::equal(METRIC, name.clone()));
                *metric = Some(name);
            } else {
                matchers.push(self.matcher(name)?);
            }
            if !self.take_symbol(",") && !self.is_symbol("}") {
                return Err(self.unexpected("label matching", "\",\" or \"}\""));
            }
        }
        Ok(())
    }

    fn matcher(&mut self, name: String) -> Parsed<Matcher> {
        let op = match self.peek().kind {
            Kind::Symbol("=") => MatchOp::Equal,
            Kind::Symbol("!=") => MatchOp::NotEqual,
            Kind::Symbol("=~") => MatchOp::Match,
            Kind::Symbol("!~") => MatchOp::NotMatch,
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance();
        let token = self.peek().clone();
        let Kind::String(value) = token.kind else {
            return Err(self.unexpected("label matching", "string"));
        };
        self.advance();
        Matcher::new(name, op, value).map_err(|invalid| Fault::new(token.span, invalid.message))
    }

    /// Everything that may follow an expression.
    pub(super) fn postfix(&mut self, of: Deep) -> Parsed<Deep> {
        let mut deep = of;
        loop {
            let keyword = self.keyword();
            if self.is_symbol("[") {
                deep = self.range(deep)?;
            } else if self.is_symbol("@") {
                self.at(&mut deep.expr)?;
            } else if keyword.as_deref() == Some("offset") {
                self.offset(&mut deep.expr)?;
            } else if let Some(extension) = extension(keyword.as_deref()) {
                self.extend(&mut deep.expr, extension)?;
            } else {
                return Ok(deep);
            }
            deep.expr.span = self.span_from(deep.expr.span.start);
        }
    }

    fn range(&mut self, of: Deep) -> Parsed<Deep> {
        let start = of.expr.span.start;
        self.advance();
        let range = self.duration("subquery or range selector", true)?;
        if self.take_symbol("]") {
            let span = self.span_from(start);
            let ExprKind::Selector(selector) = of.expr.kind else {
                return Err(Fault::new(of.expr.span, "ranges only allowed for vector selectors"));
            };
            if selector.shift.offset.is_some() {
                return Err(Fault::new(of.expr.span, "no offset modifiers allowed before range"));
            }
            if selector.shift.at.is_some() {
                return Err(Fault::new(of.expr.span, "no @ modifiers allowed before range"));
            }
            return Ok(Deep { expr: Expr { kind: ExprKind::Matrix { selector, range }, span }, depth: of.depth + 1 });
        }
        self.expect(":", "subquery selector")?;
        let step = if self.is_symbol("]") { None } else { Some(self.duration("subquery selector", true)?) };
        self.expect("]", "subquery selector")?;
        if of.depth >= MAX_DEPTH {
            return Err(self.too_deep(of.expr.span));
        }
        let subquery = Subquery { expr: of.expr, range, step, shift: Shift::default() };
        let expr = Expr { kind: ExprKind::Subquery(Box::new(subquery)), span: self.span_from(start) };
        Ok(Deep { expr, depth: of.depth + 1 })
    }

    fn offset(&mut self, of: &mut Expr) -> Parsed<()> {
        let span = of.span;
        self.advance();
        let offset = self.duration("offset", false)?;
        let Some(shift) = shift(of) else {
            let message =
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(Fault::new(span, message));
        };
        if shift.offset.is_some() {
            return Err(Fault::new(span, "offset may not be set multiple times"));
        }
        shift.offset = Some(offset);
        Ok(())
    }

    fn at(&mut self, of: &mut Expr) -> Parsed<()> {
        let (span, sign) = (of.span, self.advance().span);
        let at = match self.keyword().as_deref() {
            Some(name @ ("start" | "end")) => {
                let at = if name == "start" { At::Start } else { At::End };
                self.advance();
                self.expect("(", "@")?;
                self.expect(")", "@")?;
                at
            }
            _ => {
                let seconds = self.signed_number("@")?;
                if !seconds.is_finite() || seconds.abs() >= MAX_SECONDS {
                    let message = format!("timestamp out of bounds for @ modifier: {seconds}");
                    return Err(Fault::new(Span { start: sign.start, end: sign.end }, message));
                }
                At::Time((seconds * 1000.0).round() as i64)
            }
        };
        let Some(shift) = shift(of) else {
            let message =
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(Fault::new(span, message));
        };
        if shift.at.is_some() {
            return Err(Fault::new(span, "@ <timestamp> may not be set multiple times"));
        }
        shift.at = Some(at);
        Ok(())
    }

    fn extend(&mut self, of: &mut Expr, extension: Extension) -> Parsed<()> {
        let span = self.advance().span;
        let word = if extension == Extension::Anchored { "anchored" } else { "smoothed" };
        match &mut of.kind {
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => {
                if selector.extension.is_some() {
                    return Err(Fault::new(span, "anchored and smoothed modifiers cannot be used together or twice"));
                }
                selector.extension = Some(extension);
                Ok(())
            }
            _ => {
                let message =
                    format!("{word} modifier must be preceded by an instant vector selector or range vector selector");
                Err(Fault::new(span, message))
            }
        }
    }

    /// `DurationExpr` of a literal number of seconds.
    pub(super) fn literal(&self, seconds: f64, span: Span) -> Parsed<DurationExpr> {
        if !seconds.is_finite() || seconds.abs() > i64::MAX as f64 / 1e9 {
            return Err(Fault::new(span, "duration out of range"));
        }
        Ok(DurationExpr::Literal((seconds * 1000.0).round() as i64, span))
    }
}

fn extension(keyword: Option<&str>) -> Option<Extension> {
    match keyword? {
        "anchored" => Some(Extension::Anchored),
        "smoothed" => Some(Extension::Smoothed),
        _ => None,
    }
}

/// Where `offset` and `@` of an expression go.
fn shift(of: &mut Expr) -> Option<&mut Shift> {
    match &mut of.kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => Some(&mut selector.shift),
        ExprKind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}

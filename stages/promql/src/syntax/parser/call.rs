//! Calls: `f(a, b)`.

use weir_pipeline::selector::quote;

use super::{Deep, Depth, Parse, Parser};
use crate::syntax::ast::{Call, ExprKind, Span};
use crate::syntax::functions;
use crate::syntax::lexer::token::Kind;

// === impl Parser ===

impl Parser<'_> {
    /// A call whose function was taken.
    pub(super) fn call(&mut self, name: Span) -> Parse<Deep> {
        let args = self.args()?;
        let text = self.read(name);
        let Some(function) = functions::find(text) else {
            return self.fault(name, format!("unknown function with name {}", quote(text)));
        };
        let depth = Depth::of(&args);
        let args = args.into_iter().map(|arg| arg.expr).collect();
        let span = self.since(name);
        self.node(ExprKind::Call(Call { function, args }), span, depth)
    }

    /// Arguments in parentheses.
    pub(super) fn args(&mut self) -> Parse<Vec<Deep>> {
        self.expect(Kind::ParenOpen)?;
        let mut args = Vec::new();
        if self.eat(Kind::ParenClose)? {
            return Ok(args);
        }
        loop {
            args.push(self.expr(0)?);
            let next = self.ahead()?;
            if next.kind != Kind::Comma {
                self.expect(Kind::ParenClose)?;
                return Ok(args);
            }
            self.take()?;
            if !self.peek()?.starts_expression() {
                return self.fault(next.span, "trailing commas not allowed in function call args");
            }
        }
    }
}

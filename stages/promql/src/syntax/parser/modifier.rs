//! What stands between a binary operator and its right operand: `bool`, `on`, `group_left`, `fill` and their like.

use super::{Parse, Parser};
use crate::syntax::ast::{BinaryOp, Group, Matching};
use crate::syntax::lexer::token::{Kind, Word};

// === impl Parser ===

impl Parser<'_> {
    /// All modifiers of a binary operator; the first value says whether `bool` is among them.
    pub(super) fn modifiers(&mut self) -> Parse<(bool, Matching)> {
        let mut matching = Matching::default();
        let return_bool = self.eat(Kind::Word(Word::Bool))?;
        matching.on = self.peek()? == Kind::Word(Word::On);
        if matching.on || self.peek()? == Kind::Word(Word::Ignoring) {
            self.take()?;
            matching.labels = self.labels()?;
            matching.group = match self.peek()? {
                Kind::Word(Word::GroupLeft) => Group::Left,
                Kind::Word(Word::GroupRight) => Group::Right,
                _ => Group::OneToOne,
            };
        }
        if matching.group != Group::OneToOne {
            self.take()?;
            // Without labels, the right operand follows.
            let next = self.peek()?;
            if next == Kind::ParenOpen || !next.starts_expression() {
                matching.include = self.labels()?;
            }
        }
        self.fill(&mut matching)?;
        Ok((return_bool, matching))
    }

    fn fill(&mut self, matching: &mut Matching) -> Parse<()> {
        match self.peek()? {
            Kind::Word(Word::Fill) => {
                matching.fill_left = Some(self.fill_value()?);
                matching.fill_right = matching.fill_left;
            }
            Kind::Word(Word::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek()? == Kind::Word(Word::FillRight) {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            Kind::Word(Word::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek()? == Kind::Word(Word::FillLeft) {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The word, and a number in parentheses.
    fn fill_value(&mut self) -> Parse<f64> {
        self.take()?;
        self.expect(Kind::ParenOpen)?;
        let value = self.signed()?;
        self.expect(Kind::ParenClose)?;
        Ok(value)
    }

    /// A number with or without a sign.
    pub(super) fn signed(&mut self) -> Parse<f64> {
        let negative = self.eat(Kind::Binary(BinaryOp::Sub))?;
        if !negative {
            self.eat(Kind::Binary(BinaryOp::Add))?;
        }
        if !matches!(self.peek()?, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let (value, _) = self.literal()?;
        Ok(if negative { -value } else { value })
    }
}

//! What a text is made of.

use weir_pipeline::selector::quote;

use crate::syntax::ast::{AggregateOp, BinaryOp, Span};

/// A piece of text and what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::syntax) struct Token {
    pub(in crate::syntax) kind: Kind,
    pub(in crate::syntax) span: Span,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::syntax) enum Kind {
    /// The end of the text.
    End,
    Comma,
    Colon,
    ParenOpen,
    ParenClose,
    BraceOpen,
    BraceClose,
    BracketOpen,
    BracketClose,
    /// `=`
    Assign,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `@`
    At,
    /// Binary operators; `+`, `-` and `!=` have other uses too.
    Binary(BinaryOp),
    Aggregate(AggregateOp),
    Word(Word),
    Identifier,
    /// A name with colons.
    MetricIdentifier,
    Number,
    Duration,
    String,
}

/// A keyword that is not an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::syntax) enum Word {
    Anchored,
    Bool,
    By,
    End,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    MaxOf,
    MinOf,
    Offset,
    On,
    Range,
    Smoothed,
    Start,
    Step,
    Without,
}

/// What is reserved, in lowercase.
const WORDS: [(&str, Kind); 39] = [
    ("and", Kind::Binary(BinaryOp::And)),
    ("or", Kind::Binary(BinaryOp::Or)),
    ("unless", Kind::Binary(BinaryOp::Unless)),
    ("atan2", Kind::Binary(BinaryOp::Atan2)),
    ("sum", Kind::Aggregate(AggregateOp::Sum)),
    ("avg", Kind::Aggregate(AggregateOp::Avg)),
    ("count", Kind::Aggregate(AggregateOp::Count)),
    ("min", Kind::Aggregate(AggregateOp::Min)),
    ("max", Kind::Aggregate(AggregateOp::Max)),
    ("group", Kind::Aggregate(AggregateOp::Group)),
    ("stddev", Kind::Aggregate(AggregateOp::Stddev)),
    ("stdvar", Kind::Aggregate(AggregateOp::Stdvar)),
    ("topk", Kind::Aggregate(AggregateOp::Topk)),
    ("bottomk", Kind::Aggregate(AggregateOp::Bottomk)),
    ("count_values", Kind::Aggregate(AggregateOp::CountValues)),
    ("quantile", Kind::Aggregate(AggregateOp::Quantile)),
    ("limitk", Kind::Aggregate(AggregateOp::Limitk)),
    ("limit_ratio", Kind::Aggregate(AggregateOp::LimitRatio)),
    ("offset", Kind::Word(Word::Offset)),
    ("smoothed", Kind::Word(Word::Smoothed)),
    ("anchored", Kind::Word(Word::Anchored)),
    ("by", Kind::Word(Word::By)),
    ("without", Kind::Word(Word::Without)),
    ("on", Kind::Word(Word::On)),
    ("ignoring", Kind::Word(Word::Ignoring)),
    ("group_left", Kind::Word(Word::GroupLeft)),
    ("group_right", Kind::Word(Word::GroupRight)),
    ("fill", Kind::Word(Word::Fill)),
    ("fill_left", Kind::Word(Word::FillLeft)),
    ("fill_right", Kind::Word(Word::FillRight)),
    ("bool", Kind::Word(Word::Bool)),
    ("start", Kind::Word(Word::Start)),
    ("end", Kind::Word(Word::End)),
    ("step", Kind::Word(Word::Step)),
    ("range", Kind::Word(Word::Range)),
    ("max_of", Kind::Word(Word::MaxOf)),
    ("min_of", Kind::Word(Word::MinOf)),
    ("inf", Kind::Number),
    ("nan", Kind::Number),
];

/// What a word is reserved for, in any case of its letters.
pub(in crate::syntax) fn word(text: &str) -> Option<Kind> {
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, kind)| *kind)
}

// === impl Kind ===

impl Kind {
    /// How messages name a token of this kind that reads `text`.
    pub(in crate::syntax) fn describe(self, text: &str) -> String {
        match self {
            Self::End => "end of input".into(),
            Self::Binary(_) | Self::At | Self::Matches | Self::MatchesNot => format!("<op:{text}>"),
            Self::Aggregate(_) => format!("<aggr:{text}>"),
            Self::Word(word) if word.is_function() => quote(text),
            Self::Word(_) => format!("<{text}>"),
            Self::Identifier => format!("identifier {}", quote(text)),
            Self::MetricIdentifier => format!("metric identifier {}", quote(text)),
            Self::Number => format!("number {}", shortened(text)),
            Self::Duration => format!("duration {}", shortened(text)),
            Self::String => format!("string {}", shortened(text)),
            _ => quote(text),
        }
    }

    /// Whether it can be a metric's name where an expression may start.
    pub(in crate::syntax) fn is_metric(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Binary(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless),
            Self::Word(word) => {
                !matches!(word, Word::Bool | Word::On | Word::Ignoring | Word::GroupLeft | Word::GroupRight)
            }
            _ => false,
        }
    }

    /// Whether an expression can start with it.
    pub(in crate::syntax) fn starts_expression(self) -> bool {
        let sign = matches!(self, Self::Binary(BinaryOp::Add | BinaryOp::Sub));
        let other = matches!(self, Self::Number | Self::Duration | Self::String | Self::ParenOpen | Self::BraceOpen);
        sign || other || self.is_metric()
    }

    /// Whether it can be a label's name in `by`, `on` and their like.
    pub(in crate::syntax) fn is_label(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Binary(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2),
            Self::Word(word) => word != Word::Without,
            _ => false,
        }
    }
}

// === impl Word ===

impl Word {
    /// Whether it is also the name of a function.
    pub(in crate::syntax) fn is_function(self) -> bool {
        matches!(self, Self::Start | Self::End | Self::Step | Self::Range | Self::MaxOf | Self::MinOf)
    }
}

/// A text in quotes, cut after ten characters.
fn shortened(text: &str) -> String {
    if text.len() > 10 { format!("{}...", quote(&text.chars().take(10).collect::<String>())) } else { quote(text) }
}

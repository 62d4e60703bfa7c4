//! The tree of a PromQL expression. Every node knows where it stands in the text.

mod chain;
mod names;

use weir_pipeline::Matcher;

/// Where a node stands: byte offsets into the query's text, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number, or a duration written as one (`1h` is 3600).
    Number(f64),
    /// A text.
    String(String),
    /// `(e)`
    Paren(Box<Expr>),
    /// `-e` or `+e`
    Unary {
        /// Whether the sign is `-`.
        negative: bool,
        /// The operand.
        expr: Box<Expr>,
    },
    /// `lhs op rhs`
    Binary(Box<Binary>),
    /// `op by (…) (param, e)`
    Aggregate(Box<Aggregate>),
    /// `f(args)`
    Call(Call),
    /// `m{…}`, an instant vector.
    Selector(Selector),
    /// `m{…}[range]`, a range vector.
    Matrix {
        /// The selector, with its offset and `@`.
        selector: Selector,
        /// The range.
        range: DurationExpr,
    },
    /// `e[range:step]`, a range vector.
    Subquery(Box<Subquery>),
}

/// The type of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A text.
    String,
    /// A sample for each series.
    Vector,
    /// A range of samples for each series.
    Matrix,
}

/// `lhs op rhs`
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left operand.
    pub lhs: Expr,
    /// The right operand.
    pub rhs: Expr,
    /// Whether a comparison answers 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series of both sides find each other.
    pub matching: Matching,
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
    /// `</`, histograms only.
    TrimUpper,
    /// `>/`, histograms only.
    TrimLower,
}

/// How series of both sides find each other. The default is one-to-one over all labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// Whether `labels` are those to compare (`on`) or those to leave out (`ignoring`, the default).
    pub on: bool,
    /// The labels.
    pub labels: Vec<String>,
    /// Which side may have several series for one of the other.
    pub group: Group,
    /// The labels that `group_left` and `group_right` copy from the "one" side.
    pub include: Vec<String>,
    /// `fill_left(x)`
    pub fill_left: Option<f64>,
    /// `fill_right(x)`
    pub fill_right: Option<f64>,
}

/// Which side of a match may have several series for one of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// Neither.
    #[default]
    OneToOne,
    /// `group_left`
    Left,
    /// `group_right`
    Right,
    /// Set operators.
    ManyToMany,
}

/// `op by (…) (param, e)`
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Expr,
    /// The first argument of those operators that take two.
    pub param: Option<Expr>,
    /// Whether `labels` are those to leave out.
    pub without: bool,
    /// The labels of `by` or `without`; empty without either.
    pub labels: Vec<String>,
}

/// An aggregation operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

/// `f(args)`
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static super::functions::Function,
    /// The arguments, as written.
    pub args: Vec<Expr>,
}

/// `m{…} offset … @ …`
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// All matchers, the one on `__name__` included, in the order of the text.
    pub matchers: Vec<Matcher>,
    /// When to look.
    pub shift: Shift,
    /// `anchored` or `smoothed`.
    pub extension: Option<Extension>,
}

/// `offset` and `@`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shift {
    /// How far back; negative looks forward.
    pub offset: Option<DurationExpr>,
    /// The fixed time to evaluate at.
    pub at: Option<At>,
}

/// The fixed time of `@`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Milliseconds since the Unix epoch.
    Time(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// What follows a selector to widen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// `anchored`
    Anchored,
    /// `smoothed`
    Smoothed,
}

/// `e[range:step] offset … @ …`
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Expr,
    /// The range.
    pub range: DurationExpr,
    /// The step; `None` for the default.
    pub step: Option<DurationExpr>,
    /// When to look.
    pub shift: Shift,
}

/// A duration: a literal, or arithmetic over literals, `step()` and `range()`.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// Milliseconds, with its place.
    Literal(i64, Span),
    /// An expression that is known when the query runs: its value is in seconds.
    Expr(Box<Expr>),
}

// === impl Span ===

impl Span {
    /// From the start of this to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}

// === impl Expr ===

impl Expr {
    /// The expression within its parentheses.
    pub fn unwrapped(&self) -> &Self {
        match &self.kind {
            ExprKind::Paren(inner) => inner.unwrapped(),
            _ => self,
        }
    }
}

// === impl DurationExpr ===

impl DurationExpr {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(_, span) => *span,
            Self::Expr(expr) => expr.span,
        }
    }
}

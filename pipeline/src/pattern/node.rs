//! The tree of a pattern.

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Matches the empty text.
    Empty,
    /// Matches nothing: a class without members, a surrogate.
    Never,
    /// These characters, whatever their case where `fold`. Not empty.
    Literal { text: String, fold: bool },
    /// One character of a class.
    Class(Class),
    /// Any one character; a newline only where `newline`.
    Any { newline: bool },
    /// An assertion of no width.
    Look(Look),
    /// `sub`, so many times; no end where `max` is `None`.
    Repeat { sub: Box<Node>, min: u32, max: Option<u32>, greedy: bool, height: usize },
    /// A numbered group; the numbers are in the order of the tree.
    Capture { sub: Box<Node>, height: usize },
    /// One after the other.
    Concat(Nest),
    /// The first that matches.
    Alternate(Nest),
}

/// Pieces that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nest {
    pub(super) subs: Vec<Node>,
    height: usize,
}

/// An assertion of no width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    BeginText,
    EndText,
    BeginLine,
    EndLine,
    Word,
    NotWord,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    pub(super) negated: bool,
    /// Members whatever their case.
    pub(super) fold: bool,
    pub(super) items: Vec<Item>,
}

/// A part of a set of characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// From, to, both included.
    Range(char, char),
    /// An ASCII set, written as in a class: `0-9`.
    Ascii { negated: bool, set: &'static str },
    /// A Unicode property, as Rust's regex calls it: `gc=Lu`.
    Unicode { negated: bool, property: String },
}

// === impl Node ===

impl Node {
    /// How many levels the tree has.
    pub(super) fn height(&self) -> usize {
        match self {
            Self::Repeat { height, .. } | Self::Capture { height, .. } => *height,
            Self::Concat(nest) | Self::Alternate(nest) => nest.height,
            _ => 1,
        }
    }

    /// A numbered group.
    pub(super) fn capture(sub: Self) -> Self {
        Self::Capture { height: 1 + sub.height(), sub: Box::new(sub) }
    }

    /// `sub`, so many times.
    pub(super) fn repeat(sub: Self, min: u32, max: Option<u32>, greedy: bool) -> Self {
        Self::Repeat { height: 1 + sub.height(), sub: Box::new(sub), min, max, greedy }
    }

    /// The pieces one after the other.
    pub(super) fn concat(mut subs: Vec<Self>) -> Self {
        match subs.len() {
            0 => Self::Empty,
            1 => subs.remove(0),
            _ => Self::Concat(Nest::of(subs)),
        }
    }

    /// One of the pieces.
    pub(super) fn alternate(mut subs: Vec<Self>) -> Self {
        match subs.len() {
            1 => subs.remove(0),
            _ => Self::Alternate(Nest::of(subs)),
        }
    }

    /// The same as one piece: a literal of several characters would otherwise give only its last one to a repetition.
    pub(super) fn whole(self) -> Self {
        match self {
            Self::Literal { .. } => Self::Concat(Nest::of(vec![self])),
            node => node,
        }
    }

    /// Whether counted repetitions within multiply to at most `n` copies of the innermost, as Go demands of each.
    pub(super) fn repeats_within(&self, n: u32) -> bool {
        match self {
            Self::Repeat { sub, min, max, .. } => {
                // `*`, `+` and `?` are no counted repetitions.
                let times = match (*min, *max) {
                    (0 | 1, None) | (0, Some(1)) => return sub.repeats_within(n),
                    (_, Some(0)) => return true,
                    (min, max) => max.unwrap_or(min),
                };
                times <= n && sub.repeats_within(n / times.max(1))
            }
            Self::Capture { sub, .. } => sub.repeats_within(n),
            Self::Concat(nest) | Self::Alternate(nest) => nest.subs.iter().all(|sub| sub.repeats_within(n)),
            _ => true,
        }
    }
}

// === impl Nest ===

impl Nest {
    fn of(subs: Vec<Node>) -> Self {
        Self { height: 1 + subs.iter().map(Node::height).max().unwrap_or(0), subs }
    }
}

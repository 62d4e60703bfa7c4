//! The ways in which a program fails.

use std::fmt;
use std::io;

use weir_pipeline::units::Span;

/// What is wrong with a program, so that it is started again.
#[derive(Debug)]
pub(super) enum Fault {
    /// It can't be started.
    Start(io::Error),
    /// It is no more, or listens or speaks no more; how it went.
    Ended(String),
    /// It has not answered within the time.
    Late(Span),
    /// What it says is no answer, and why.
    Answer(String),
}

// === impl Fault ===

impl Fault {
    /// The name, as in metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Ended(_) => "ended",
            Self::Late(_) => "timeout",
            Self::Answer(_) => "answer",
        }
    }

    /// What it says is no answer.
    pub(super) fn answer(why: impl fmt::Display) -> Self {
        Self::Answer(why.to_string())
    }
}

/// What follows the program's name in a sentence.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "can't be started: {error}"),
            Self::Ended(how) => write!(f, "ended: {how}"),
            Self::Late(within) => write!(f, "did not answer within {within}"),
            Self::Answer(why) => write!(f, "gave no answer: {why}"),
        }
    }
}

//! The one error of the running program: what the caller should do, and where it happened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where in a pipeline something happened, as in `agent.stages[2].shard`.
pub type Place = Arc<str>;

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is wrong: do not repeat it. HTTP 400.
    Invalid,
    /// The request is well-formed and can't be answered, as a many-to-many match: do not repeat it. HTTP 422.
    Unprocessable,
    /// The request took longer than it may. HTTP 503 for both paths.
    TimedOut,
    /// Repeat it later: the node is overloaded, its disk full, its quorum lost. HTTP 503.
    Unavailable {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The tenant's own limit. HTTP 429, which senders drop by default.
    Overloaded {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The pipeline is shutting down. HTTP 503.
    Closed,
    /// A fault of the program. HTTP 500.
    Internal,
}

/// An error with its kind and its place. A clone shares the source.
#[derive(Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    place: Option<Place>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// Whether it was said that it is about the tenant alone.
    of_tenant: bool,
}

/// What a service of the running program returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Kind ===

impl Kind {
    /// The name, as in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unprocessable => "unprocessable",
            Self::TimedOut => "timed_out",
            Self::Unavailable { .. } => "unavailable",
            Self::Overloaded { .. } => "overloaded",
            Self::Closed => "closed",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::TimedOut | Self::Unavailable { .. } | Self::Overloaded { .. })
    }
}

// === impl Error ===

impl Error {
    /// An error of `kind`. The message is lowercase and says what was expected, the offending value in backticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, source: None, of_tenant: false }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// The request is well-formed and can't be answered.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, message)
    }

    /// Repeat later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable { retry_after: None }, message)
    }

    /// A fault of the program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The pipeline is shutting down.
    pub fn closed() -> Self {
        Self::new(Kind::Closed, "the pipeline is closed")
    }

    /// The same, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The same with a place, where it has none yet: the innermost place is the right one.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// The same, about the request's tenant alone: who gave it is well, and serves others meanwhile.
    #[must_use]
    pub fn of_tenant(mut self) -> Self {
        self.of_tenant = true;
        self
    }

    /// Whether it is about the request's tenant alone, as [`Kind::Overloaded`] always is.
    pub fn is_of_tenant(&self) -> bool {
        self.of_tenant || matches!(self.kind, Kind::Overloaded { .. })
    }

    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The message without place and source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The message with those of all sources, joined by `: `. For logs and answers.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind.as_str(), self.report())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests;

//! Why a scrape failed.

use std::fmt;

use weir_pipeline::exposition::ParseError;

/// Why a scrape failed: what to count it as, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    message: String,
}

/// What a failure is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// No connection.
    Connect,
    /// A secret can't be read.
    Credentials,
    /// The answer is not one of HTTP, or broke off.
    Http,
    /// Another status than 200.
    Status,
    /// It took too long.
    Timeout,
    /// The body is of no format that we read.
    ContentType,
    /// The body is wrong.
    Body,
    /// The body is too large.
    BodySizeLimit,
    /// The job has too many targets.
    TargetLimit,
    /// Too many samples.
    SampleLimit,
    /// Too many labels, or too long ones.
    LabelLimit,
}

// === impl Failure ===

impl Failure {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::new(Reason::Body, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// === impl Reason ===

impl Reason {
    /// The name, as in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Credentials => "credentials",
            Self::Http => "http",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::ContentType => "content_type",
            Self::Body => "body",
            Self::BodySizeLimit => "body_size_limit",
            Self::TargetLimit => "target_limit",
            Self::SampleLimit => "sample_limit",
            Self::LabelLimit => "label_limit",
        }
    }
}

//! What came of a script.

use std::fmt;

use super::compare::Mismatch;

/// What came of one script, or of several.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Evaluations that answered as expected, in all the ways in which they were asked.
    pub passed: usize,
    /// Evaluations that did not, and scripts and loads that could not be used.
    pub failed: usize,
    /// How often a query was asked again in another way.
    pub reruns: usize,
    /// One for each evaluation that failed, and for each script or load that could not be used.
    pub failures: Vec<Failure>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The script.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The query as it was asked, and when; empty where it is not about a query.
    pub query: String,
    /// What was expected, and what came.
    pub mismatch: Mismatch,
}

// === impl Report ===

impl Report {
    /// What came of a script that could not be used, because of `why` at `line`.
    pub fn unusable(file: &str, line: usize, why: String) -> Self {
        let mismatch = Mismatch { expected: "a script".to_owned(), got: why };
        let mut report = Self::default();
        report.fail(Failure { file: file.to_owned(), line, query: String::new(), mismatch });
        report
    }

    /// Adds a failure.
    pub fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        self.failures.push(failure);
    }

    /// Adds what came of another script.
    pub fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.reruns += other.reruns;
        self.failures.extend(other.failures);
    }

    /// Whether all went well.
    pub fn is_ok(&self) -> bool {
        self.failed == 0
    }
}

/// `12 passed, 1 failed, asked again 100 times`
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, asked again {} times", self.passed, self.failed, self.reruns)
    }
}

// === impl Failure ===

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.file, self.line)?;
        if !self.query.is_empty() {
            write!(f, " {}", self.query)?;
        }
        write!(f, "\n  expected {}\n  got      {}", self.mismatch.expected, self.mismatch.got)
    }
}

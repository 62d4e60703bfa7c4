//! Where the grammar says what it expected.

/// A construct that an error names.
#[derive(Clone, Copy)]
pub(super) struct Place {
    within: &'static str,
    expected: &'static str,
}

// === impl Place ===

impl Place {
    pub(super) const START: Self = Self::new("", "");
    pub(super) const AGGREGATION: Self = Self::new("aggregation", "");
    pub(super) const LABELS: Self = Self::new("grouping opts", "\"(\"");
    pub(super) const LABEL: Self = Self::new("grouping opts", "label");
    pub(super) const AFTER_LABEL: Self = Self::new("grouping opts", "\",\" or \")\"");
    pub(super) const MATCHER: Self = Self::new("label matching", "identifier or \"}\"");
    pub(super) const MATCH_OP: Self = Self::new("label matching", "label matching operator");
    pub(super) const MATCH_VALUE: Self = Self::new("label matching", "string");
    pub(super) const AFTER_MATCHER: Self = Self::new("label matching", "\",\" or \"}\"");
    pub(super) const OFFSET: Self = Self::new("offset", "number, duration, step(), or range()");
    pub(super) const AT: Self = Self::new("@", "timestamp");
    pub(super) const RANGE: Self = Self::new("subquery or range selector", "number, duration, step(), or range()");
    pub(super) const AFTER_RANGE: Self = Self::new("subquery or range", "\":\" or \"]\"");
    pub(super) const STEP: Self = Self::new("subquery selector", "number, duration, step(), range(), or \"]\"");
    pub(super) const AFTER_STEP: Self = Self::new("subquery selector", "\"]\"");

    const fn new(within: &'static str, expected: &'static str) -> Self {
        Self { within, expected }
    }

    /// The message where `found` does not fit.
    pub(super) fn complain(self, found: &str) -> String {
        let mut message = format!("unexpected {found}");
        for (word, what) in [(" in ", self.within), (", expected ", self.expected)] {
            if !what.is_empty() {
                message.push_str(word);
                message.push_str(what);
            }
        }
        message
    }
}

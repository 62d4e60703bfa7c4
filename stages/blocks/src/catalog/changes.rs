//! What a commit changes.

use std::collections::BTreeSet;

use weir_pipeline::{Error, Result};

use super::entry::{BlockId, Entry};

/// What a commit changes: blocks that become others, that come or that go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The blocks that come.
    pub add: Vec<Entry>,
    /// The blocks that go. All of them must be there.
    pub remove: Vec<BlockId>,
    /// Who commits, and the number of this commit among theirs. Numbers of one name go up, and one of a name commits at a
    /// time: a change with a number up to the one that is recorded is taken as done. Without one a change that is repeated
    /// is known again only as long as its blocks are there: once they have been replaced, they would come a second time.
    /// Names are kept for ever: use one for each writer, not for each of its lives.
    pub transaction: Option<(String, i64)>,
    /// Whether samples come or go, and not only files: compaction says `false`, which spares others who follow the table.
    pub data_change: bool,
    /// The labels that have columns of their own in the series files that come: others see those columns then. Up to
    /// 512 in a table; one whose name differs from another's only in case, or that Delta does not allow, stays hidden.
    pub labels: Vec<String>,
    /// Whether the samples files that come have a column of starts: others see it then.
    pub starts: bool,
}

// === impl Change ===

impl Change {
    pub(super) fn check(&self) -> Result<()> {
        if self.add.is_empty() && self.remove.is_empty() {
            return Err(Error::invalid("expected a change that adds or removes blocks"));
        }
        let mut seen = BTreeSet::new();
        for block in self.add.iter().map(|entry| entry.block).chain(self.remove.iter().copied()) {
            if !seen.insert(block) {
                return Err(Error::invalid(format!("expected each block once in a change, got `{block}` again")));
            }
        }
        if let Some((app, number)) = &self.transaction
            && (app.is_empty() || *number < 0)
        {
            return Err(Error::invalid(format!(
                "expected a name and a number from 0 on as transaction, got `{app}` and {number}"
            )));
        }
        self.add.iter().try_for_each(Entry::check)
    }
}

//! What has changed since somebody asked.

/// What has changed of a tenant's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The number of this answer. What is asked afterwards has all changes up to here.
    pub number: u64,
    /// No sample before this time has come or gone since the answer that was named, in milliseconds since the Unix epoch; the
    /// least time where nothing is known of that one.
    pub lowest: i64,
}

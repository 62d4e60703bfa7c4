//! What a range function sees.

/// The samples of one series within one window, which is open on the left and closed on the right. Staleness markers
/// are left out, but for the instant selector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// Strictly increasing, all above `start` and none above `end`.
    pub(crate) timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub(crate) values: &'a [f64],
    /// Where the window begins, itself outside.
    pub(crate) start: i64,
    /// Where the window ends, itself inside.
    pub(crate) end: i64,
}

/// A function from a window to a value.
#[derive(Debug)]
pub(crate) struct RangeFunction {
    /// The name, as in PromQL.
    pub(crate) name: &'static str,
    /// Whether the result is still the metric: all others drop the metric's name.
    pub(crate) keeps_name: bool,
    /// Whether it makes sense for counters only, so that other metrics earn an info.
    pub(crate) for_counters: bool,
    /// Whether it must see staleness markers.
    pub(crate) sees_stale: bool,
    /// The value of a window that is not empty, or none.
    pub(crate) eval: fn(Window<'_>) -> Option<f64>,
}

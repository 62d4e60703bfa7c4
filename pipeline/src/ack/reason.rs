//! The reasons that Weir's own stages and sinks give for samples that are not written.
//!
//! One list for all: between nodes a reason travels as text, and only those of this list are told from each other at the other
//! end. What a plugin says becomes [`PEER`] there, and stands before the detail.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// Every reason, sorted.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

reasons! {
    /// A server answered 400.
    BAD_REQUEST = "bad_request";
    /// Older than its tenant keeps any.
    BEYOND_RETENTION = "beyond_retention";
    /// A server answered 409.
    CONFLICT = "conflict";
    /// Another sample of its series and time stays.
    DUPLICATE_TIMESTAMP = "duplicate_timestamp";
    /// A program of `exec` did not give it back.
    EXEC = "exec";
    /// `filter` left it out.
    FILTER = "filter";
    /// A server answered 403.
    FORBIDDEN = "forbidden";
    /// A series beyond those that all tenants together may have.
    GLOBAL_SERIES_LIMIT = "global_series_limit";
    /// A native histogram where only floats can be.
    HISTOGRAM_UNSUPPORTED = "histogram_unsupported";
    /// Its series has the id of another.
    ID_COLLISION = "id_collision";
    /// A native histogram that makes no sense.
    INVALID_HISTOGRAM = "invalid_histogram";
    /// A rule made a label without a name.
    INVALID_LABEL_NAME = "invalid_label_name";
    /// A label names what can't be a tenant.
    INVALID_TENANT = "invalid_tenant";
    /// More labels than its tenant may have.
    LABEL_LIMIT = "label_limit";
    /// A longer name of a label than its tenant may have.
    LABEL_NAME_LENGTH = "label_name_length";
    /// A longer value of a label than its tenant may have.
    LABEL_VALUE_LENGTH = "label_value_length";
    /// Labels that no record of a log holds.
    LABELS_TOO_LONG = "labels_too_long";
    /// No branch of `route` is for it.
    NO_ROUTE = "no_route";
    /// A server answered 404.
    NOT_FOUND = "not_found";
    /// A server said that it wrote less than it was sent.
    NOT_WRITTEN = "not_written";
    /// Another node's reason, which is not known here.
    PEER = "peer";
    /// A server answered that something is elsewhere.
    REDIRECTED = "redirected";
    /// A server answered with another status than those that are named here.
    REFUSED = "refused";
    /// `relabel` left it out.
    RELABEL = "relabel";
    /// A series beyond those that may be.
    SERIES_LIMIT = "series_limit";
    /// Further in the future than a store takes any.
    TOO_FAR_IN_FUTURE = "too_far_in_future";
    /// A server answered 413, and there is no less to send.
    TOO_LARGE = "too_large";
    /// Older than a store takes any.
    TOO_OLD = "too_old";
    /// A server answered 401.
    UNAUTHORIZED = "unauthorized";
    /// A server answered 422.
    UNPROCESSABLE = "unprocessable";
    /// A server answered 415.
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type";
    /// A server knows no version that can be spoken.
    VERSION_UNKNOWN = "version_unknown";
}

/// The reason of this text, where it is one of the list. No text is the reason of what is written.
pub fn known(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("");
    }
    ALL.binary_search(&text).ok().and_then(|at| ALL.get(at)).copied()
}

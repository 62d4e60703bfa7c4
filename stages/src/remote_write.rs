//! Remote write, both versions, as bytes: what `receive` reads and a sender writes.
//!
//! Shape: a body is one protobuf message (`prometheus.WriteRequest` for 1.0, `io.prometheus.write.v2.Request` for 2.0)
//! in a snappy block. [`decode`] reads it in one pass straight into a [`weir_pipeline::Batch`]; [`encode`] does the
//! reverse. No label becomes a `String` on the way.
//!
//! Errors: bytes that are no such message, or that would take more memory than [`Limits`] allow, fail as a whole.
//! Series that are bad by themselves are left out and counted in [`Refused`]; whether that fails the request is the
//! version's business: [`Refused::fails`].
//!
//! Source: the remote write specifications 1.0 and 2.0; `storage/remote/write_handler.go` of Prometheus for what they
//! leave open.

mod decode;
mod encode;
#[doc(hidden)]
pub mod fuzz;
pub mod read;
mod refused;
mod row;
mod snappy;
mod v1;
mod v2;
mod wire;

pub use decode::{Decoded, Limits, decode};
pub use encode::encode;
pub use refused::{Count, Reason, Refused};
pub use snappy::{compress, decompress};

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Remote write 1.0: labels as strings in each series.
    V1,
    /// Remote write 2.0: labels as references into a table of symbols.
    V2,
}

/// How many of a request's samples were written. Replies to 2.0 carry it.
pub const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";
/// How many of a request's native histograms were written.
pub const HISTOGRAMS_WRITTEN: &str = "x-prometheus-remote-write-histograms-written";
/// How many of a request's exemplars were written.
pub const EXEMPLARS_WRITTEN: &str = "x-prometheus-remote-write-exemplars-written";
/// The header in which a sender says its version.
pub const VERSION: &str = "x-prometheus-remote-write-version";

// === impl Version ===

impl Version {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The number, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// The name of the message.
    pub fn message(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }

    /// The content type that a sender gives.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The value of the header [`VERSION`] that a sender gives.
    pub fn header(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }
}

#[cfg(test)]
mod tests;

//! How much a message may hold.

/// How much a message may hold. A message beyond one of these is refused as a whole.
///
/// Peers are trusted more than senders are: those have been held to closer limits before, and labels added since then.
/// What bounds memory is `message_bytes`, `batch_bytes` and `dictionary`, of which each entry takes up to 150 bytes
/// while a message is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the message.
    pub message_bytes: u64,
    /// Bytes that the batch may take in memory, as [`weir_pipeline::Batch::byte_size`] counts them; at most 4 GiB.
    pub batch_bytes: u64,
    /// Series of a batch.
    pub series: u64,
    /// Samples of a batch.
    pub samples: u64,
    /// Names, and labels, that a batch may say once for all its series.
    pub dictionary: u64,
    /// Labels of one series.
    pub labels: u64,
    /// Bytes of a label's name.
    pub name_bytes: u64,
    /// Bytes of a label's value, and of each text of metadata.
    pub value_bytes: u64,
    /// Entries of an ack.
    pub entries: u64,
}

// === impl Limits ===

impl Limits {
    /// What the batch may take in memory: its offsets have 32 bits.
    pub(super) fn memory(&self) -> u64 {
        self.batch_bytes.min(u64::from(u32::MAX))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            batch_bytes: 128 << 20,
            series: 1_000_000,
            samples: 8_000_000,
            dictionary: 1_000_000,
            labels: 1024,
            name_bytes: 64 << 10,
            value_bytes: 1 << 20,
            entries: 1024,
        }
    }
}

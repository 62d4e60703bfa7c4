//! What a pipeline file says of a store.

use std::path::PathBuf;

use serde::Deserialize;
use weir_pipeline::units::{Bytes, Ref, Span, some_path};

use weir_stages::limits::OpenLimits;

use crate::depot::Depot;

/// A store as declared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The directory of the log, and of blocks that are not in the bucket yet. One process at a time.
    #[serde(deserialize_with = "some_path")]
    pub path: PathBuf,
    /// The bucket that takes the blocks once they are large or old enough.
    pub bucket: Ref<Depot>,
    /// The resource that has the limits of each tenant, of which `head_bytes`, `retention` and `max_past` hold here. Default none.
    #[serde(default)]
    pub limits: Option<Ref<OpenLimits>>,
    /// Recent samples in memory.
    #[serde(default)]
    pub head: Budget,
    /// The log.
    #[serde(default)]
    pub log: LogSettings,
    /// The way to the bucket.
    #[serde(default)]
    pub upload: UploadSettings,
}

/// What the head may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// What series and samples in memory may take, with those on their way; default 256MiB, at least 8MiB. Above it
    /// senders are told to come back; well before it a cut begins.
    #[serde(deserialize_with = "memory")]
    pub memory: Bytes,
    /// What batches that wait for the log may take; default 32MiB, at least 1MiB. Above it senders wait.
    #[serde(deserialize_with = "in_flight")]
    pub in_flight: Bytes,
    /// How often the head is cut into blocks; default 5m, at least 1s.
    #[serde(deserialize_with = "cut_after")]
    pub cut_after: Span,
    /// Samples later than now plus this are rejected; default 10m.
    pub max_future: Span,
    /// Samples earlier than now less this are rejected; default 30d. Each day of them becomes a block of its own.
    pub max_past: Span,
    /// How many tenants may have samples in memory; default 1000, at least 1. Others are told to come back. Each becomes
    /// a block of its own at each cut.
    #[serde(deserialize_with = "max_tenants")]
    pub max_tenants: usize,
    /// Of how many metrics of all tenants what senders say of them (kind, help text, unit) is kept in memory; default
    /// 100000. Beyond it what came first of who has most goes first.
    pub max_metrics: usize,
    /// How many exemplars of all tenants are kept in memory, of some 200 bytes each, and as many again until they are cut to blocks,
    /// where all stay as long as samples; default 100000. Beyond it the oldest of who has most go first. 0: none are kept anywhere.
    pub max_exemplars: usize,
}

/// What a pipeline file says of the log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A segment that has grown to this is followed by the next; default 64MiB, at least 1MiB.
    #[serde(deserialize_with = "segment")]
    pub segment: Bytes,
}

/// What a pipeline file says of the way to the bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UploadSettings {
    /// Blocks of a tenant and a UTC day are uploaded, as one, once the oldest of them is so old; default 2h, at least 1s.
    /// One that was merged of others is as old as the oldest of those. Stores and tenants take turns within the second half
    /// of it.
    #[serde(deserialize_with = "upload_after")]
    pub after: Span,
    /// … or once they have this size together; default 32MiB, at least 1KiB.
    #[serde(deserialize_with = "upload_size")]
    pub size: Bytes,
    /// Whether what other stores have put into the bucket already is not uploaded again: samples are compared, one by one,
    /// and only those go from the disk without an upload that are there. Default true; replicas that say false put a copy
    /// each.
    pub one_copy: bool,
    /// How long this store waits for another one that is uploading blocks of the same tenant, before it goes on beside
    /// it; default 10m, at least 1s. That one may have died over it.
    #[serde(deserialize_with = "take_over")]
    pub take_over: Span,
}

// === impl Budget ===

impl Default for Budget {
    fn default() -> Self {
        Self {
            memory: Bytes::mib(256),
            in_flight: Bytes::mib(32),
            cut_after: Span::from_secs(300),
            max_future: Span::from_secs(600),
            max_past: Span::from_secs(30 * 86_400),
            max_tenants: 1000,
            max_metrics: 100_000,
            max_exemplars: 100_000,
        }
    }
}

// === impl LogSettings ===

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment: Bytes::mib(64) }
    }
}

// === impl UploadSettings ===

impl Default for UploadSettings {
    fn default() -> Self {
        Self { after: Span::from_secs(2 * 3600), size: Bytes::mib(32), one_copy: true, take_over: Span::from_secs(600) }
    }
}

fn upload_after<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    at_least(Span::deserialize(deserializer)?, Span::from_secs(1))
}

fn take_over<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    at_least(Span::deserialize(deserializer)?, Span::from_secs(1))
}

fn upload_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    at_least(Bytes::deserialize(deserializer)?, Bytes::kib(1))
}

fn memory<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    at_least(Bytes::deserialize(deserializer)?, Bytes::mib(8))
}

fn in_flight<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    at_least(Bytes::deserialize(deserializer)?, Bytes::mib(1))
}

fn segment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    at_least(Bytes::deserialize(deserializer)?, Bytes::mib(1))
}

fn cut_after<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    at_least(Span::deserialize(deserializer)?, Span::from_secs(1))
}

fn max_tenants<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    at_least(usize::deserialize(deserializer)?, 1)
}

fn at_least<T: PartialOrd + std::fmt::Display, E: serde::de::Error>(value: T, least: T) -> Result<T, E> {
    if value < least { Err(E::custom(format!("expected at least {least}, got `{value}`"))) } else { Ok(value) }
}

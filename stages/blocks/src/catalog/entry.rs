//! What the catalog knows of a block.

use std::fmt;

use serde::{Deserialize, Serialize};
use ulid::Ulid;
use weir_pipeline::{Error, Result};

use crate::extras::Summary;

/// The name of a block.
pub type BlockId = Ulid;

/// The version of the text that an entry becomes.
const ENTRY_VERSION: u32 = 1;

/// How far apart samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// As they came.
    Raw,
    /// One for each five minutes.
    FiveMinutes,
    /// One for each hour.
    OneHour,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, that of its directory.
    pub block: BlockId,
    /// The first timestamp, in milliseconds since the Unix epoch.
    pub min_ts: i64,
    /// The last timestamp, in milliseconds since the Unix epoch.
    pub max_ts: i64,
    /// How many samples it has.
    pub samples: u64,
    /// How many series it has.
    pub series: u64,
    /// The size of the samples file, in bytes.
    pub samples_bytes: u64,
    /// The size of the series file, in bytes.
    pub series_bytes: u64,
    /// The version of the files' format.
    pub format: u32,
    /// What it has beside samples.
    pub extras: Summary,
    /// Which records of which writers are in it.
    pub ranges: Vec<Covered>,
}

/// Records of a writer, without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Covered {
    /// Who stamped them.
    pub writer: String,
    /// The writer's epoch.
    pub epoch: u64,
    /// The partition, or another stream of that writer.
    pub stream: u32,
    /// The first record's number.
    pub first: u64,
    /// The last record's number.
    pub last: u64,
}

/// The text of an entry: what the path and the size of the file do not say.
#[derive(Serialize, Deserialize)]
struct Text {
    v: u32,
    format: u32,
    min_ts: i64,
    max_ts: i64,
    samples: u64,
    series: u64,
    series_bytes: u64,
    ranges: Vec<(String, u64, u32, u64, u64)>,
    /// The first and the last time of an exemplar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exemplars: Option<(i64, i64)>,
    /// Whether anything is said of metrics.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    metrics: bool,
}

// === impl Resolution ===

impl Resolution {
    /// The name of its directory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => crate::block::RAW,
            Self::FiveMinutes => "5m",
            Self::OneHour => "1h",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Raw, Self::FiveMinutes, Self::OneHour].into_iter().find(|resolution| resolution.as_str() == name)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Entry ===

impl Entry {
    /// Whether a writer alone has made it.
    pub(crate) fn is_of(&self, writer: &str) -> bool {
        !self.ranges.is_empty() && self.ranges.iter().all(|range| range.writer == writer)
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let range = |r: &Covered| (r.writer.clone(), r.epoch, r.stream, r.first, r.last);
        let text = Text {
            v: ENTRY_VERSION,
            format: self.format,
            min_ts: self.min_ts,
            max_ts: self.max_ts,
            samples: self.samples,
            series: self.series,
            series_bytes: self.series_bytes,
            ranges: self.ranges.iter().map(range).collect(),
            exemplars: self.extras.exemplars,
            metrics: self.extras.metrics,
        };
        serde_json::to_string(&text).map_err(|e| Error::internal("an entry can't be written").with_source(e))
    }

    pub(super) fn from_text(block: BlockId, samples_bytes: u64, text: &str) -> Result<Self> {
        let wrong = || Error::internal(format!("expected the entry of block `{block}`, got `{}`", shown(text)));
        let text: Text = serde_json::from_str(text).map_err(|e| wrong().with_source(e))?;
        if text.v > ENTRY_VERSION {
            let message = format!("the entry of block `{block}` has version {}", text.v);
            return Err(Error::unprocessable(format!("{message}, this program reads up to {ENTRY_VERSION}")));
        }
        let covered = |(writer, epoch, stream, first, last)| Covered { writer, epoch, stream, first, last };
        Ok(Self {
            block,
            min_ts: text.min_ts,
            max_ts: text.max_ts,
            samples: text.samples,
            series: text.series,
            samples_bytes,
            series_bytes: text.series_bytes,
            format: text.format,
            extras: Summary { exemplars: text.exemplars, metrics: text.metrics },
            ranges: text.ranges.into_iter().map(covered).collect(),
        })
    }

    /// Says what of it makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        let block = self.block;
        if self.min_ts > self.max_ts {
            let message = format!("expected a time range in block `{block}`, got {}..={}", self.min_ts, self.max_ts);
            return Err(Error::invalid(message));
        }
        if let Some(r) = self.ranges.iter().find(|r| r.first > r.last) {
            let message = format!("expected a range of records in block `{block}`, got {}..={}", r.first, r.last);
            return Err(Error::invalid(message));
        }
        Ok(())
    }
}

/// As much of a text as may stand in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

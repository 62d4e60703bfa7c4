//! A batch as a message: the sections, and the way between them and a [`weir_pipeline::Batch`].

mod beside;
mod decode;
mod dictionary;
mod encode;
mod metadata;
mod times;
mod values;

use super::Section;

pub use decode::decode_batch;
pub use encode::encode_batch;

const TENANT: Section = Section::new(0x81, "tenant");
const COUNTS: Section = Section::new(0x82, "counts");
const NAMES: Section = Section::new(0x83, "names");
const LABELS: Section = Section::new(0x84, "labels");
const SERIES: Section = Section::new(0x85, "series");
const SAMPLE_COUNTS: Section = Section::new(0x86, "sample_counts");
const TIMESTAMPS: Section = Section::new(0x87, "timestamps");
const VALUES: Section = Section::new(0x88, "values");
const START_TIMESTAMPS: Section = Section::new(0x89, "start_timestamps");
const NATIVE_HISTOGRAMS: Section = Section::new(0x8a, "native_histograms");
const EXEMPLARS: Section = Section::new(0x0b, "exemplars");
const METADATA: Section = Section::new(0x0c, "metadata");

/// What is read. Exemplars may be lost on the way to an older node, histograms may not.
const KNOWN: [Section; 12] = [
    TENANT,
    COUNTS,
    NAMES,
    LABELS,
    SERIES,
    SAMPLE_COUNTS,
    TIMESTAMPS,
    VALUES,
    START_TIMESTAMPS,
    NATIVE_HISTOGRAMS,
    EXEMPLARS,
    METADATA,
];

#[cfg(test)]
mod tests;

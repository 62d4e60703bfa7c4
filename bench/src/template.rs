//! Requests made once, of which only values and timestamps change from round to round.
//!
//! The encoder of the project makes them; the places to change are found by sentinels in the values. What the load
//! generator does per sample is then little: a step of a walk, two small copies, and snappy.

use weir_pipeline::{Batch, Tenant};
use weir_stages::remote_write::{Version, encode};

use crate::Result;
use crate::series::{Population, Spec};
use crate::walk::Walk;

/// The upper half of the sentinels' bits: a NaN that nothing else writes. The lower half counts.
const SENTINEL: u64 = 0x7ff8_5eed_0000_0000;

/// What stands for the timestamp, of six bytes as a varint like every timestamp from 2004 to 2109.
const TIMESTAMP: i64 = 1_700_000_000_000;
const TIMESTAMP_BYTES: usize = 6;

/// One request, to be sent once per round.
pub(crate) struct Template {
    body: Vec<u8>,
    /// Where the values start; their timestamps follow after the byte of their key.
    places: Vec<usize>,
    walks: Vec<Walk>,
}

// === impl Template ===

impl Template {
    /// The request for `series`, of which the first is number `first` of the population.
    pub(crate) fn new(version: Version, population: &Population, series: &[Spec], first: usize) -> Result<Self> {
        let mut builder = Batch::builder(Tenant::default());
        for (i, spec) in series.iter().enumerate() {
            builder.series(spec.labels.as_labels()).sample(TIMESTAMP, f64::from_bits(SENTINEL | i as u64));
        }
        // Metadata goes with every series in 2.0; in 1.0 agents send it in requests of its own, and seldom.
        if version == Version::V2 {
            for metadata in &population.metadata {
                builder.metadata(metadata.clone());
            }
        }
        let mut body = Vec::new();
        encode(&builder.build(), version, &mut body);
        let mut places = Vec::with_capacity(series.len());
        let mut at = 0;
        for i in 0..series.len() {
            let sentinel = (SENTINEL | i as u64).to_le_bytes();
            let rest = body.get(at..).unwrap_or_default();
            let found = rest.windows(8).position(|window| window == sentinel);
            at += found.ok_or("expected every sentinel in the encoded request")?;
            places.push(at);
            at += 8 + 1 + TIMESTAMP_BYTES;
        }
        if at > body.len() {
            return Err("expected a timestamp of six bytes after every value".into());
        }
        let walks = series.iter().enumerate().map(|(i, spec)| Walk::new(spec.shape, (first + i) as u64)).collect();
        Ok(Self { body, places, walks })
    }

    /// The request of `round`, not compressed.
    pub(crate) fn fill(&mut self, round: u64, timestamp: i64) -> &[u8] {
        let stamp = varint(timestamp as u64);
        for (&place, walk) in self.places.iter().zip(&mut self.walks) {
            let value = walk.step(round).to_bits().to_le_bytes();
            if let Some(bytes) = self.body.get_mut(place..place + 9 + TIMESTAMP_BYTES) {
                bytes[..8].copy_from_slice(&value);
                bytes[9..].copy_from_slice(&stamp);
            }
        }
        &self.body
    }

    /// How many samples it has.
    pub(crate) fn samples(&self) -> u64 {
        self.places.len() as u64
    }
}

fn varint(value: u64) -> [u8; TIMESTAMP_BYTES] {
    std::array::from_fn(|i| {
        let more = if i + 1 < TIMESTAMP_BYTES { 0x80 } else { 0 };
        (value >> (7 * i)) as u8 & 0x7f | more
    })
}

#[cfg(test)]
mod tests;

//! Exemplars of points.
//!
//! Source: `getPromExemplars` in `storage/remote/otlptranslator/prometheusremotewrite/helper.go` of Prometheus 3.14.

use std::fmt::Write;

use weir_pipeline::{Exemplar, LabelSet};

use super::{time, value};
use crate::remote_write::exemplar::MOST_CHARS;
use crate::remote_write::wire::{Cursor, FIXED64, LEN, Malformed, key};

/// Reads an `Exemplar`: its trace and span in hexadecimal, and what else it says as long as all of that is short.
pub(super) fn read(mut cursor: Cursor<'_>, room: usize) -> Result<Exemplar, Malformed> {
    const TIME: u32 = time(2);
    const DOUBLE: u32 = key(3, FIXED64);
    const SPAN: u32 = key(4, LEN);
    const TRACE: u32 = key(5, LEN);
    const WHOLE: u32 = key(6, FIXED64);
    const FILTERED: u32 = key(7, LEN);
    let (mut at, mut number, mut ids, mut others) = (0, 0.0, Vec::new(), Vec::new());
    while let Some(key) = cursor.key()? {
        match key {
            TIME => at = cursor.fixed64()?,
            DOUBLE => number = cursor.double()?,
            WHOLE => number = cursor.fixed64()? as i64 as f64,
            TRACE => ids.push(("trace_id", hexadecimal(cursor.bytes()?))),
            SPAN => ids.push(("span_id", hexadecimal(cursor.bytes()?))),
            FILTERED => {
                let (name, of) = value::pair(cursor.message()?)?;
                others.push((name, of.map_or(Ok(String::new()), |of| value::text(of, room))?));
            }
            _ => cursor.skip(key, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7)?,
        }
    }
    let chars = |pairs: &[(&str, String)]| -> usize {
        pairs.iter().map(|(name, text)| name.chars().count() + text.chars().count()).sum()
    };
    ids.retain(|(_, text)| !text.is_empty());
    let whole = chars(&ids) + chars(&others) <= MOST_CHARS;
    let labels: LabelSet = ids.into_iter().chain(others.into_iter().filter(|_| whole)).collect();
    Ok(Exemplar { labels, value: number, timestamp: at as i64 / 1_000_000 })
}

/// An id of at most 16 bytes; a longer one is none.
fn hexadecimal(id: &[u8]) -> String {
    let mut out = String::new();
    if id.len() <= 16 {
        // A text takes any write.
        id.iter().for_each(|byte| _ = write!(out, "{byte:02x}"));
    }
    out
}

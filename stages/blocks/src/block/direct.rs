//! Reads floats out of a samples file without Arrow in between: pages are decompressed by one context for each thread, and decoded
//! right into the lists of their series. Half of what a scan of blocks took went into contexts, buffers and copies that nobody
//! needs.
//!
//! It knows the columns that this project's writer makes, and no others. Where it meets anything else, a native histogram or
//! damage among it, whoever asked reads with the Parquet library, which knows all, and says what is wrong.

mod column;
mod delta;
mod header;
mod hybrid;

use std::ops::Range;

use bytes::Bytes;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::damage::Damage;
use super::fetch::Fetch;
use crate::decimal::{Decimal, MAX_SCALE};
use crate::starts;
use crate::store::shelf::Samples;
use column::{Column, Held};

/// The pages of some rows of a row group, and where they are in the file.
pub(super) struct Plan {
    columns: [Pages; 4],
    /// `None` where they are not asked for.
    starts: Option<Pages>,
}

/// What is read of a column: a range of the file and the rows that it has, each; where the dictionary is first.
struct Pages {
    /// How many bytes an integer has in the dictionary.
    width: usize,
    compressed: bool,
    nullable: bool,
    dictionary: Option<Range<u64>>,
    pages: Vec<(Range<u64>, Range<usize>)>,
}

/// The samples of some rows of a row group, to be decoded.
pub(super) struct Floats {
    ts: Column,
    mant: Column,
    scale: Column,
    val: Column,
    starts: Option<Column>,
    mantissas: Vec<i64>,
    scales: Vec<(u8, usize)>,
    /// Where there is no mantissa, and where no scale.
    holes: Vec<Range<usize>>,
    unscaled: Vec<Range<usize>>,
}

// === impl Plan ===

impl Plan {
    /// What to read for the rows of a row group that lie within `ranges`, which rise; `since` with their starts. `None` where the
    /// columns are others.
    pub(super) fn of(metadata: &ParquetMetaData, group: usize, ranges: &[Range<usize>], since: bool) -> Option<Self> {
        let columns = metadata.row_group(group).columns();
        let locations = metadata.offset_index()?.get(group)?;
        let total = usize::try_from(metadata.row_group(group).num_rows()).ok()?;
        let pages = |name: &str, of: Type| {
            let at = columns.iter().position(|column| column.column_path().parts() == [name])?;
            Pages::of(columns.get(at)?, of, locations.get(at)?.page_locations(), total, ranges)
        };
        let columns = [
            pages("ts", Type::INT64)?,
            pages("mant", Type::INT64)?,
            pages("scale", Type::INT32)?,
            pages("val", Type::DOUBLE)?,
        ];
        let starts = if since { Some(pages("start_ts", Type::INT64)?) } else { None };
        Some(Self { columns, starts })
    }

    /// The ranges of the file, in the order in which [`Self::floats`] takes them.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.columns.iter().chain(&self.starts).flat_map(|column| {
            column.dictionary.clone().into_iter().chain(column.pages.iter().map(|(range, _)| range.clone()))
        })
    }

    /// What is to be decoded of what the ranges have. `None` where it is not what was said.
    pub(super) fn floats(self, bytes: &mut impl Iterator<Item = Bytes>) -> Option<Floats> {
        let mut column = |pages: Pages| {
            let dictionary = match pages.dictionary {
                Some(_) => Some(bytes.next()?),
                None => None,
            };
            let held = |(_, rows)| Some(Held { rows, bytes: bytes.next()? });
            let held = pages.pages.into_iter().map(held).collect::<Option<Vec<_>>>()?;
            Column::new(pages.width, (pages.nullable, pages.compressed), dictionary.as_ref(), held)
        };
        let [ts, mant, scale, val] = self.columns;
        // In this order they lie in the bytes; each takes its own whether the one before was as it should be or not.
        let (ts, mant, scale, val) = (column(ts), column(mant), column(scale), column(val));
        let starts = match self.starts {
            Some(starts) => Some(column(starts)?),
            None => None,
        };
        let (mantissas, scales, holes, unscaled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (ts, mant, scale, val) = (ts?, mant?, scale?, val?);
        Some(Floats { ts, mant, scale, val, starts, mantissas, scales, holes, unscaled })
    }
}

// === impl Pages ===

impl Pages {
    fn of(
        column: &ColumnChunkMetaData,
        of: Type,
        locations: &[parquet::file::page_index::offset_index::PageLocation],
        total: usize,
        ranges: &[Range<usize>],
    ) -> Option<Self> {
        let described = column.column_descr();
        let nullable = match (described.max_def_level(), described.max_rep_level()) {
            (0, 0) => false,
            (1, 0) => true,
            _ => return None,
        };
        let compressed = match column.compression() {
            Compression::ZSTD(_) => true,
            Compression::UNCOMPRESSED => false,
            _ => return None,
        };
        if described.physical_type() != of {
            return None;
        }
        let width = if of == Type::INT32 { 4 } else { 8 };
        let first = u64::try_from(locations.first()?.offset).ok()?;
        let dictionary = match column.dictionary_page_offset() {
            Some(start) => Some(u64::try_from(start).ok().filter(|start| *start < first)?..first),
            None => None,
        };
        let mut wanted = ranges.iter().peekable();
        let mut pages = Vec::new();
        for (i, location) in locations.iter().enumerate() {
            let start = usize::try_from(location.first_row_index).ok()?;
            let end = match locations.get(i + 1) {
                Some(next) => usize::try_from(next.first_row_index).ok()?,
                None => total,
            };
            while wanted.next_if(|range| range.end <= start).is_some() {}
            if wanted.peek().is_some_and(|range| range.start < end) && start < end {
                let offset = u64::try_from(location.offset).ok()?;
                let size = u64::try_from(location.compressed_page_size).ok()?;
                pages.push((offset..offset.checked_add(size)?, start..end));
            }
        }
        let dictionary = dictionary.filter(|_| !pages.is_empty());
        Some(Self { width, compressed, nullable, dictionary, pages })
    }
}

// === impl Floats ===

impl Floats {
    /// Appends the samples of a series, whose rows these are, as far as they lie within `start..=end`. Series are asked for in
    /// their order. `None` where there is more than floats, or the file is damaged.
    pub(super) fn series(&mut self, rows: Range<usize>, (start, end): (i64, i64), out: &mut Samples) -> Option<()> {
        let before = out.timestamps.len();
        out.timestamps.reserve(rows.len());
        self.ts.seek(rows.start)?;
        while let left @ 1.. = rows.len() - (out.timestamps.len() - before) {
            let (_, count) = self.ts.run(left)?;
            self.ts.integers(count, &mut out.timestamps)?;
        }
        let times = out.timestamps.get(before..)?;
        let first = times.partition_point(|t| *t < start);
        let last = times.partition_point(|t| *t <= end);
        out.timestamps.truncate(before + last);
        if first > 0 {
            out.timestamps.drain(before..before + first.min(last));
        }
        if first < last {
            self.values(rows.start + first..rows.start + last, out)?;
            self.starts(rows.start + first..rows.start + last, out)?;
        }
        Some(())
    }

    /// Appends the starts of rows, whose timestamps are the last ones.
    fn starts(&mut self, rows: Range<usize>, out: &mut Samples) -> Option<()> {
        let Some(column) = &mut self.starts else { return Some(()) };
        let mut own = Vec::with_capacity(rows.len());
        column.seek(rows.start)?;
        while let left @ 1.. = rows.len() - own.len() {
            let (present, mut count) = column.run(left)?;
            if !present {
                own.resize(own.len() + count, 0);
            }
            while present && count > 0 {
                let (start, same) = column.listed(count)?;
                own.resize(own.len() + same, start);
                count -= same;
            }
        }
        let len = out.timestamps.len();
        starts::append(&mut out.starts, len.checked_sub(rows.len())?, len, &own);
        Some(())
    }

    fn values(&mut self, rows: Range<usize>, out: &mut Samples) -> Option<()> {
        self.decimals(&rows)?;
        out.values.reserve(rows.len());
        let before = out.values.len();
        let mut mantissas = self.mantissas.iter();
        for (scale, count) in &self.scales {
            let some = mantissas.by_ref().take(*count);
            match scale {
                0 => out.values.extend(some.map(|m| *m as f64)),
                scale => out.values.extend(some.map(|m| Decimal { mantissa: *m, scale: *scale }.value())),
            }
        }
        (out.values.len() == before + rows.len()).then_some(())?;
        for hole in &self.holes {
            self.val.seek(rows.start + hole.start)?;
            let mut at = before + hole.start;
            while at < before + hole.end {
                // What has neither is a native histogram.
                let (true, count) = self.val.run(before + hole.end - at)? else { return None };
                let mut places = out.values.get_mut(at..at + count)?.iter_mut();
                self.val.floats(count, |value| {
                    if let Some(place) = places.next() {
                        *place = value;
                    }
                })?;
                at += count;
            }
        }
        Some(())
    }

    /// The mantissas of rows, 0 where there is none, their scales, and where they are absent.
    fn decimals(&mut self, rows: &Range<usize>) -> Option<()> {
        let Self { mant, scale, mantissas, scales, holes, unscaled, .. } = self;
        mantissas.clear();
        scales.clear();
        holes.clear();
        unscaled.clear();
        mant.seek(rows.start)?;
        while let left @ 1.. = rows.len() - mantissas.len() {
            let (present, count) = mant.run(left)?;
            if present {
                mant.integers(count, mantissas)?;
            } else {
                add(holes, mantissas.len(), count);
                mantissas.resize(mantissas.len() + count, 0);
            }
        }
        scale.seek(rows.start)?;
        let mut left = rows.len();
        while left > 0 {
            let (present, mut count) = scale.run(left)?;
            if !present {
                scales.push((0, count));
                add(unscaled, rows.len() - left, count);
            }
            left -= count;
            while present && count > 0 {
                let (number, same) = scale.listed(count)?;
                let number = u8::try_from(number).ok().filter(|number| *number <= MAX_SCALE)?;
                scales.push((number, same));
                count -= same;
            }
        }
        (holes == unscaled).then_some(())
    }
}

/// Adds `count` places from `at` on, which follow those before.
fn add(holes: &mut Vec<Range<usize>>, at: usize, count: usize) {
    match holes.last_mut().filter(|last| last.end == at) {
        Some(last) => last.end += count,
        None => holes.push(at..at + count),
    }
}

/// The bytes of the ranges of all plans, in one round.
pub(super) async fn fetch(file: &Fetch, plans: &[Plan]) -> Result<Vec<Bytes>, Damage> {
    let ranges: Vec<_> = plans.iter().flat_map(Plan::ranges).collect();
    Ok(file.ranges(&ranges).await?)
}

#[cfg(test)]
mod tests;

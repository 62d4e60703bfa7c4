//! Reads the samples of some rows: only the pages that hold them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type};
use futures_util::TryStreamExt;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use weir_pipeline::HistogramPoint;

use super::damage::Damage;
use super::direct;
use super::fetch::Fetch;
use super::histograms::Histograms;
use super::index::Index;
use super::schema::{HISTOGRAM, START};
use crate::decimal::Decimal;
use crate::lasts::Lasts;
use crate::starts;
use crate::store::shelf::Samples;

/// The most rows of a batch.
const BATCH_ROWS: usize = 64 << 10;

/// So many samples are read where some of them are asked for: those of a page.
const WIDENED: usize = 16 << 10;

/// One read of some rows within a range of time.
pub(super) struct Reading {
    pub(super) file: Fetch,
    pub(super) footer: ArrowReaderMetadata,
    pub(super) index: Arc<Index>,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Floats that are not the last before one of these steps may be left out.
    pub(super) lasts: Option<Lasts>,
}

/// The samples of some rows in a row group, row after row.
#[derive(Default)]
struct Group {
    timestamps: Vec<i64>,
    /// As long as `timestamps`; NaN where there is a histogram.
    values: Vec<f64>,
    /// Since when samples count: as long as `timestamps`, or empty.
    starts: Vec<i64>,
    /// The native histograms, each with its place among `timestamps`.
    histograms: Vec<(usize, HistogramPoint)>,
}

/// The first and the last timestamp of each row group.
pub(super) fn times(metadata: &ParquetMetaData) -> Result<Vec<(i64, i64)>, Damage> {
    let column = metadata.file_metadata().schema_descr().columns().iter().position(|c| c.name() == "ts");
    let column = column.ok_or("the column ts is missing")?;
    let time = |group: &parquet::file::metadata::RowGroupMetaData| match group.column(column).statistics() {
        Some(Statistics::Int64(s)) => s.min_opt().copied().zip(s.max_opt().copied()),
        _ => None,
    };
    metadata.row_groups().iter().map(|g| time(g).ok_or_else(|| "a row group does not say its times".into())).collect()
}

// === impl Reading ===

impl Reading {
    /// The samples, in the order of `rows`, which rises.
    pub(super) async fn read(&self, rows: &[u32]) -> Result<Vec<Samples>, Damage> {
        let since = rows.iter().any(|row| self.index.has_starts(*row));
        if since && self.footer.schema().column_with_name(START).is_none() {
            return Err(format!("the column {START} is missing, and series have starts").into());
        }
        let are_floats = !rows.iter().any(|row| self.index.has_histograms(*row));
        let floats = if are_floats { self.floats(rows).await? } else { None };
        match floats {
            Some(samples) => Ok(samples),
            None => self.all(rows).await,
        }
    }

    /// The row groups that reach into the range of time.
    fn groups(&self) -> Result<Vec<usize>, Damage> {
        let times = times(self.footer.metadata())?;
        let reached = |(min, max): &(i64, i64)| *min <= self.end && *max >= self.start;
        Ok((0..times.len()).filter(|g| reached(&times[*g])).collect())
    }

    /// The time of all row groups that these rows are read from, and of what was asked for, where they have so few samples there that
    /// whoever reads one of them reads all.
    pub(super) fn widened(&self, rows: &[u32]) -> Result<Option<(i64, i64)>, Damage> {
        let (groups, times) = (self.groups()?, times(self.footer.metadata())?);
        let count = |row: &u32| groups.iter().map(|group| self.range(*group, *row).len()).sum::<usize>();
        if rows.iter().map(count).sum::<usize>() > WIDENED {
            return Ok(None);
        }
        let reached = groups.iter().filter_map(|group| times.get(*group));
        Ok(Some(reached.fold((self.start, self.end), |(start, end), (min, max)| (start.min(*min), end.max(*max)))))
    }

    /// The samples, whatever they are, read by the Parquet library.
    pub(super) async fn all(&self, rows: &[u32]) -> Result<Vec<Samples>, Damage> {
        let mut out: Vec<Samples> = vec![Samples::default(); rows.len()];
        // All row groups are asked for at once; each fetches its pages in one round.
        let read = self.groups()?.into_iter().map(|group| self.group(group, rows));
        for (group, samples) in futures_util::future::try_join_all(read).await? {
            self.deal(group, rows, &samples, &mut out);
        }
        Ok(out)
    }

    /// The samples, where they are floats in columns that are decoded right into them.
    pub(super) async fn floats(&self, rows: &[u32]) -> Result<Option<Vec<Samples>>, Damage> {
        let groups = self.groups()?;
        let since = rows.iter().any(|row| self.index.has_starts(*row));
        let plan = |group: &usize| {
            let ranges: Vec<_> =
                rows.iter().map(|row| self.range(*group, *row)).filter(|range| !range.is_empty()).collect();
            direct::Plan::of(self.footer.metadata(), *group, &ranges, since)
        };
        let Some(plans) = groups.iter().map(plan).collect::<Option<Vec<_>>>() else { return Ok(None) };
        // All pages of all row groups in one round.
        let mut bytes = direct::fetch(&self.file, &plans).await?.into_iter();
        // Lists that grow from one row group to the next would be copied again and again.
        let count = |row: &u32| groups.iter().map(|group| self.range(*group, *row).len()).sum();
        let room = |row: &u32| self.lasts.map_or(count(row), |lasts| lasts.at_most(count(row)));
        let mut out: Vec<Samples> = rows.iter().map(|row| Samples::with_capacity(room(row))).collect();
        let (mut since, mut all) = (0, Samples::default());
        for (group, plan) in groups.iter().zip(plans) {
            let Some(mut floats) = plan.floats(&mut bytes) else { return Ok(None) };
            for (row, own) in rows.iter().zip(&mut out) {
                let range = self.range(*group, *row);
                since += range.len();
                if range.is_empty() {
                    continue;
                }
                let into = if self.lasts.is_some() { &mut all } else { &mut *own };
                if floats.series(range, (self.start, self.end), into).is_none() {
                    return Ok(None);
                }
                if let Some(lasts) = &self.lasts {
                    own.take_lasts(&mut all, lasts);
                }
                if since > BATCH_ROWS {
                    // A read that nobody waits for any more ends here.
                    tokio::task::yield_now().await;
                    since = 0;
                }
            }
        }
        Ok(Some(out))
    }

    /// Where the samples of a row lie in a row group.
    fn range(&self, group: usize, row: u32) -> Range<usize> {
        match self.index.starts.get(group).and_then(|s| s.get(row as usize..row as usize + 2)) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }

    async fn group(&self, group: usize, rows: &[u32]) -> Result<(usize, Group), Damage> {
        let ranges = rows.iter().map(|row| self.range(group, *row)).filter(|range| !range.is_empty());
        let total = self.index.starts.get(group).and_then(|s| s.last()).map_or(0, |n| *n as usize);
        let mut samples = Group::default();
        let selection = RowSelection::from_consecutive_ranges(ranges, total);
        if !selection.selects_any() {
            return Ok((group, samples));
        }
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.file.clone(), self.footer.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), ["ts", "mant", "scale", "val", START, HISTOGRAM]);
        let stream = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_row_selection(selection)
            .with_batch_size(BATCH_ROWS)
            .build()?;
        let mut stream = std::pin::pin!(stream);
        while let Some(batch) = stream.try_next().await? {
            decode(&batch, &mut samples)?;
            if batch.num_rows() == BATCH_ROWS {
                // A read that nobody waits for any more ends here.
                tokio::task::yield_now().await;
            }
        }
        Ok((group, samples))
    }

    /// Gives each row its samples of a row group, within the range of time.
    fn deal(&self, group: usize, rows: &[u32], samples: &Group, out: &mut [Samples]) {
        let (mut at, timestamps) = (0, &samples.timestamps);
        for (row, own) in rows.iter().zip(out) {
            let next = (at + self.range(group, *row).len()).min(timestamps.len());
            let times = &timestamps[at..next];
            let first = at + times.partition_point(|t| *t < self.start);
            let last = at + times.partition_point(|t| *t <= self.end);
            samples.take(first..last.max(first), own);
            at = next;
        }
    }
}

// === impl Group ===

impl Group {
    /// Appends the samples at these places.
    fn take(&self, places: Range<usize>, out: &mut Samples) {
        let from = self.histograms.partition_point(|(at, _)| *at < places.start);
        let until = self.histograms.partition_point(|(at, _)| *at < places.end);
        let mut floats = places.start;
        for (at, point) in &self.histograms[from..until.max(from)] {
            self.floats(floats..*at, out);
            out.histograms.push(point.clone());
            floats = at + 1;
        }
        self.floats(floats..places.end, out);
    }

    /// Appends the floats at these places.
    fn floats(&self, places: Range<usize>, out: &mut Samples) {
        let before = out.timestamps.len();
        out.timestamps.extend_from_slice(&self.timestamps[places.clone()]);
        out.values.extend_from_slice(&self.values[places.clone()]);
        starts::append(&mut out.starts, before, out.timestamps.len(), self.starts.get(places).unwrap_or_default());
    }
}

/// Decodes a batch: the value is the histogram where there is one, else the decimal, else the double.
fn decode(batch: &RecordBatch, out: &mut Group) -> Result<(), Damage> {
    let Group { timestamps, values, starts, histograms } = out;
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("the column {name} is missing"));
    let wrong = |name: &str| format!("the column {name} is of another type");
    let ts = column("ts")?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong("ts"))?;
    let mant = column("mant")?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong("mant"))?;
    let scale = column("scale")?.as_primitive_opt::<Int8Type>().ok_or_else(|| wrong("scale"))?;
    let val = column("val")?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong("val"))?;
    let start = |column: &'_ ArrayRef| column.as_primitive_opt::<Int64Type>().cloned().ok_or_else(|| wrong(START));
    let start = batch.column_by_name(START).map(start).transpose()?;
    let (of_histograms, before) = (Histograms::of(batch, ts, start.as_ref())?, timestamps.len());
    timestamps.extend_from_slice(ts.values());
    let own: Vec<i64> = start.iter().flatten().map(Option::unwrap_or_default).collect();
    starts::append(starts, before, timestamps.len(), &own);
    values.reserve(batch.num_rows());
    let (mantissas, scales, doubles) = (mant.values(), scale.values(), val.values());
    if val.null_count() == batch.num_rows() && mant.null_count() == 0 && scale.null_count() == 0 {
        values.extend(
            mantissas.iter().zip(scales).map(|(m, s)| Decimal { mantissa: *m, scale: s.unsigned_abs() }.value()),
        );
        return Ok(());
    }
    for i in 0..batch.num_rows() {
        if let Some(point) = of_histograms.as_ref().map(|all| all.row(i)).transpose()?.flatten() {
            histograms.push((before + i, point));
            values.push(f64::NAN);
            continue;
        }
        values.push(match (val.is_valid(i), mant.is_valid(i) && scale.is_valid(i)) {
            (true, _) => doubles[i],
            (false, true) => Decimal { mantissa: mantissas[i], scale: scales[i].unsigned_abs() }.value(),
            (false, false) => return Err("a sample has no value".into()),
        });
    }
    Ok(())
}

//! The points of a metric.

use weir_pipeline::labels::METRIC;
use weir_pipeline::varint::unzigzag;
use weir_pipeline::{Exemplar, STALE};

use super::attributes::{Attributes, Pairs};
use super::exponential::Exponential;
use super::resource::Resource;
use super::{exemplar, kind, shown, time};
use crate::remote_write::wire::{Cursor, FIXED64, LEN, Malformed, VARINT, key};
use crate::remote_write::{Fault, Intake, Limits, Reason, Row, Sample};

/// The fields of a metric that have points.
pub(super) const FIELDS: [u32; 5] = [kind::GAUGE, kind::SUM, kind::HISTOGRAM, kind::EXPONENTIAL, kind::SUMMARY];

/// The points of a metric, of whatever kind.
const POINTS: u32 = key(1, LEN);

/// A point has at most so many exemplars; others are left out and counted.
const EXEMPLARS: usize = 1024;

/// The flag of a point that has no value.
const NO_VALUE: u64 = 1;

/// Where the points of a metric go.
pub(super) struct Points<'a, 'l> {
    pub(super) resource: &'a mut Resource,
    pub(super) intake: &'a mut Intake<'l>,
    /// The name as the sender has it.
    pub(super) name: &'a str,
    /// The name in Prometheus.
    pub(super) family: &'a str,
}

/// What points of all kinds have.
#[derive(Default)]
struct Common<'a> {
    attributes: Attributes<'a>,
    start: u64,
    time: u64,
    is_empty: bool,
    exemplars: Vec<Exemplar>,
}

/// The fields that mean one thing in points of some kind.
struct Layout {
    attributes: u32,
    flags: u32,
    exemplars: Option<u32>,
}

/// Bounds and counts of a histogram, values of a summary.
#[derive(Default)]
struct Spread {
    count: u64,
    sum: Option<f64>,
    counts: Vec<u64>,
    bounds: Vec<f64>,
    quantiles: Vec<(f64, f64)>,
}

// === impl Points ===

impl Points<'_, '_> {
    /// Refuses all points.
    pub(super) fn refuse(&mut self, mut data: Cursor<'_>, reason: Reason, text: &'static str) -> Result<(), Fault> {
        const TIME: u32 = time(3);
        let mut points = 0;
        while let Some(key) = data.key()? {
            match key {
                POINTS => {
                    let mut point = data.message()?;
                    while let Some(key) = point.key()? {
                        match key {
                            TIME => self.resource.at(point.fixed64()?),
                            _ => point.skip(key, 0)?,
                        }
                    }
                    points += 1;
                }
                _ => data.skip(key, 1 << 1)?,
            }
        }
        let name = shown(self.name);
        self.intake.leave_out(reason, points, || format!("metric `{name}`: {text}"));
        Ok(())
    }

    /// Takes all points.
    pub(super) fn read(&mut self, field: u32, mut data: Cursor<'_>) -> Result<(), Fault> {
        while let Some(key) = data.key()? {
            match (key, field) {
                (POINTS, kind::GAUGE | kind::SUM) => self.number(data.message()?)?,
                (POINTS, kind::HISTOGRAM) => self.histogram(data.message()?)?,
                (POINTS, kind::EXPONENTIAL) => self.exponential(data.message()?)?,
                (POINTS, _) => self.summary(data.message()?)?,
                _ => data.skip(key, 1 << 1)?,
            }
        }
        Ok(())
    }

    fn number(&mut self, mut cursor: Cursor<'_>) -> Result<(), Fault> {
        const DOUBLE: u32 = key(4, FIXED64);
        const WHOLE: u32 = key(6, FIXED64);
        const LAYOUT: Layout = Layout { attributes: 7, flags: 8, exemplars: Some(5) };
        let (mut common, mut value) = (Common::default(), 0.0);
        while let Some(key) = cursor.key()? {
            match key {
                DOUBLE => value = cursor.double()?,
                WHOLE => value = cursor.fixed64()? as i64 as f64,
                _ => common.take(key, &mut cursor, &LAYOUT, self.intake)?,
            }
        }
        self.emit(common, |series, exemplars| series("", None, value, exemplars))
    }

    fn histogram(&mut self, mut cursor: Cursor<'_>) -> Result<(), Fault> {
        const COUNT: u32 = key(4, FIXED64);
        const SUM: u32 = key(5, FIXED64);
        const COUNTS: u32 = key(6, LEN);
        const COUNTS_ONE: u32 = key(6, FIXED64);
        const BOUNDS: u32 = key(7, LEN);
        const BOUNDS_ONE: u32 = key(7, FIXED64);
        const LAYOUT: Layout = Layout { attributes: 9, flags: 10, exemplars: Some(8) };
        let (mut common, mut spread) = (Common::default(), Spread::default());
        while let Some(key) = cursor.key()? {
            match key {
                COUNT => spread.count = cursor.fixed64()?,
                SUM => spread.sum = Some(cursor.double()?),
                COUNTS => packed(cursor.message()?, &mut spread.counts, Cursor::fixed64)?,
                COUNTS_ONE => spread.counts.push(cursor.fixed64()?),
                BOUNDS => packed(cursor.message()?, &mut spread.bounds, Cursor::double)?,
                BOUNDS_ONE => spread.bounds.push(cursor.double()?),
                _ => common.take(key, &mut cursor, &LAYOUT, self.intake)?,
            }
        }
        self.emit(common, |series, mut exemplars| {
            if let Some(sum) = spread.sum {
                series("_sum", None, sum, Vec::new())?;
            }
            series("_count", None, spread.count as f64, Vec::new())?;
            let mut below = 0u64;
            for (bound, count) in spread.bounds.iter().zip(&spread.counts) {
                below = below.wrapping_add(*count);
                let (own, beyond) = exemplars.into_iter().partition(|exemplar| exemplar.value <= *bound);
                exemplars = beyond;
                series("_bucket", Some(("le", number(*bound).as_str())), below as f64, own)?;
            }
            series("_bucket", Some(("le", "+Inf")), spread.count as f64, exemplars)
        })
    }

    fn exponential(&mut self, mut cursor: Cursor<'_>) -> Result<(), Fault> {
        const COUNT: u32 = key(4, FIXED64);
        const SUM: u32 = key(5, FIXED64);
        const SCALE: u32 = key(6, VARINT);
        const ZERO_COUNT: u32 = key(7, FIXED64);
        const POSITIVE: u32 = key(8, LEN);
        const NEGATIVE: u32 = key(9, LEN);
        const ZERO_THRESHOLD: u32 = key(14, FIXED64);
        const LAYOUT: Layout = Layout { attributes: 1, flags: 10, exemplars: Some(11) };
        let (mut common, mut of) = (Common::default(), Exponential::default());
        while let Some(key) = cursor.key()? {
            match key {
                COUNT => of.count = cursor.fixed64()?,
                SUM => of.sum = cursor.double()?,
                SCALE => of.scale = i32::try_from(unzigzag(cursor.varint()?)).unwrap_or(i32::MAX),
                ZERO_COUNT => of.zero_count = cursor.fixed64()?,
                POSITIVE => of.positive.read(cursor.message()?)?,
                NEGATIVE => of.negative.read(cursor.message()?)?,
                ZERO_THRESHOLD => of.zero_threshold = cursor.double()?,
                _ => common.take(key, &mut cursor, &LAYOUT, self.intake)?,
            }
        }
        let (start, timestamp, is_empty) = (common.start(), common.timestamp(), common.is_empty);
        let exemplars = std::mem::take(&mut common.exemplars);
        let Some(pairs) = self.labels(common) else { return Ok(()) };
        let mut row = Row::default();
        push(&mut row, self.intake.limits, self.family, &pairs, None);
        exemplars.into_iter().try_for_each(|exemplar| self.intake.exemplar(&mut row, Ok(exemplar)))?;
        row.histogram(of.point(start, timestamp, is_empty), self.intake)?;
        self.intake.take(&mut row).map(drop)
    }

    fn summary(&mut self, mut cursor: Cursor<'_>) -> Result<(), Fault> {
        const COUNT: u32 = key(4, FIXED64);
        const SUM: u32 = key(5, FIXED64);
        const QUANTILE: u32 = key(6, LEN);
        const LAYOUT: Layout = Layout { attributes: 7, flags: 8, exemplars: None };
        let (mut common, mut spread) = (Common::default(), Spread::default());
        while let Some(key) = cursor.key()? {
            match key {
                COUNT => spread.count = cursor.fixed64()?,
                SUM => spread.sum = Some(cursor.double()?),
                QUANTILE => spread.quantiles.push(quantile(cursor.message()?)?),
                _ => common.take(key, &mut cursor, &LAYOUT, self.intake)?,
            }
        }
        self.emit(common, |series, _| {
            series("_sum", None, spread.sum.unwrap_or(0.0), Vec::new())?;
            series("_count", None, spread.count as f64, Vec::new())?;
            for (quantile, value) in &spread.quantiles {
                series("", Some(("quantile", number(*quantile).as_str())), *value, Vec::new())?;
            }
            Ok(())
        })
    }

    /// The labels of a point's series but for their name; `None` where none can be made, which is counted.
    fn labels(&mut self, common: Common<'_>) -> Option<Pairs> {
        self.resource.at(common.time);
        match common.attributes.labels(&[]) {
            Ok(mut pairs) => {
                self.resource.complete(&mut pairs);
                Some(pairs)
            }
            Err(text) => {
                let name = shown(self.name);
                self.intake.leave_out(Reason::InvalidLabels, 1, || format!("metric `{name}`: {text}"));
                None
            }
        }
    }

    /// Takes the series of a point: what is appended to the name, a label of its own, the value and the exemplars of each.
    fn emit(
        &mut self,
        mut common: Common<'_>,
        all: impl FnOnce(&mut Series<'_>, Vec<Exemplar>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (start, timestamp, is_empty) = (common.start(), common.timestamp(), common.is_empty);
        let exemplars = std::mem::take(&mut common.exemplars);
        let Some(pairs) = self.labels(common) else { return Ok(()) };
        let (family, intake) = (self.family, &mut *self.intake);
        let take = &mut |suffix: &str, own: Option<(&str, &str)>, value, exemplars: Vec<Exemplar>| {
            let name = format!("{family}{suffix}");
            let mut row = Row::default();
            push(&mut row, intake.limits, &name, &pairs, own);
            row.samples.push(Sample { start, timestamp, value: if is_empty { STALE } else { value } });
            exemplars.into_iter().try_for_each(|exemplar| intake.exemplar(&mut row, Ok(exemplar)))?;
            intake.take(&mut row).map(drop)
        };
        all(take, exemplars)
    }
}

/// Takes one series.
type Series<'a> = dyn FnMut(&str, Option<(&str, &str)>, f64, Vec<Exemplar>) -> Result<(), Fault> + 'a;

/// Puts labels into a row: the name, those of `pairs`, and one that comes before another of its name.
pub(super) fn push<'a>(
    row: &mut Row<'a>,
    limits: &Limits,
    name: &'a str,
    pairs: &'a Pairs,
    own: Option<(&'a str, &'a str)>,
) {
    let given = pairs.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let others = given.filter(|(name, _)| *name != METRIC && own.is_none_or(|(own, _)| *name != own));
    for (name, text) in others.chain(own).chain([(METRIC, name)]) {
        row.label((name.as_bytes(), text.as_bytes()), limits);
    }
    row.utf8 = true;
}

/// Adds what a packed list has.
fn packed<'a, T>(
    mut cursor: Cursor<'a>,
    to: &mut Vec<T>,
    read: impl Fn(&mut Cursor<'a>) -> Result<T, Malformed>,
) -> Result<(), Malformed> {
    while !cursor.is_empty() {
        to.push(read(&mut cursor)?);
    }
    Ok(())
}

fn quantile(mut cursor: Cursor<'_>) -> Result<(f64, f64), Malformed> {
    const QUANTILE: u32 = key(1, FIXED64);
    const VALUE: u32 = key(2, FIXED64);
    let mut pair = (0.0, 0.0);
    while let Some(key) = cursor.key()? {
        match key {
            QUANTILE => pair.0 = cursor.double()?,
            VALUE => pair.1 = cursor.double()?,
            _ => cursor.skip(key, 1 << 1 | 1 << 2)?,
        }
    }
    Ok(pair)
}

/// A bound or a quantile as a label.
fn number(of: f64) -> String {
    match of {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        of => of.to_string(),
    }
}

// === impl Common ===

impl<'a> Common<'a> {
    /// Since when it counts, in milliseconds since the Unix epoch.
    fn start(&self) -> i64 {
        self.start as i64 / 1_000_000
    }

    /// When it is of, in milliseconds since the Unix epoch.
    fn timestamp(&self) -> i64 {
        self.time as i64 / 1_000_000
    }

    /// Reads a field that points of all kinds have.
    fn take(
        &mut self,
        key: u32,
        cursor: &mut Cursor<'a>,
        layout: &Layout,
        intake: &mut Intake<'_>,
    ) -> Result<(), Fault> {
        let is = |field: u32, wire: u32| key == field << 3 | wire;
        if is(2, FIXED64) {
            self.start = cursor.fixed64()?;
        } else if is(3, FIXED64) {
            self.time = cursor.fixed64()?;
        } else if is(layout.attributes, LEN) {
            self.attributes.read(cursor.message()?, intake.limits.value_bytes)?;
        } else if is(layout.flags, VARINT) {
            self.is_empty = cursor.varint()? & NO_VALUE != 0;
        } else if layout.exemplars.is_some_and(|field| is(field, LEN)) {
            let read = exemplar::read(cursor.message()?, intake.limits.value_bytes)?;
            if self.exemplars.len() < EXEMPLARS {
                self.exemplars.push(read);
            } else {
                intake.leave_out_exemplar();
            }
        } else {
            cursor.skip(key, 1 << 2 | 1 << 3 | 1 << layout.attributes | 1 << layout.flags)?;
        }
        Ok(())
    }
}

//! Requests of remote write, field by field: also what no encoder of ours would write.
//!
//! Labels come in the order in which a test names them. Source: `prompb/types.proto` and
//! `prompb/io/prometheus/write/v2/types.proto` of Prometheus.

use serde_json::Value;
use weir_stages::remote_write::Version;

/// A series of a request. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub labels: Vec<(String, String)>,
    pub samples: Vec<Sample>,
    pub histograms: Vec<Histogram>,
    pub exemplars: Vec<Exemplar>,
    /// The number of a kind, help and unit.
    pub said: Option<(u64, &'static str, &'static str)>,
    /// More fields of its message, as they are.
    pub beside: Vec<u8>,
    /// Whether it is to be refused, all of it but what else is in its request.
    pub is_bad: bool,
}

/// A sample.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at: i64,
    pub value: f64,
    /// 0 where there is none.
    pub start: i64,
}

/// An exemplar.
#[derive(Clone, Debug)]
pub struct Exemplar {
    pub labels: Vec<(String, String)>,
    pub at: i64,
    pub value: f64,
    /// Whether it is left out.
    pub is_dropped: bool,
}

/// A native histogram: its buckets with their counts as they are, not as the wire tells them.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    pub at: i64,
    /// 0 where there is none.
    pub start: i64,
    /// Whether its counts are floats.
    pub is_float: bool,
    pub count: f64,
    pub sum: f64,
    pub schema: i32,
    pub zero: (f64, f64),
    pub positive: Side,
    pub negative: Side,
    pub custom: Vec<f64>,
    /// What is said of resets: 0 is nothing, 3 that it is a gauge.
    pub reset: u64,
    /// How the API shows it.
    pub shown: Value,
}

/// Spans, each so far behind the one before and so long; and the count of each bucket.
pub type Side = (Vec<(i32, u32)>, Vec<f64>);

/// The strings of a request, each once.
struct Symbols<'a>(Vec<&'a str>);

/// A request that is not compressed.
pub fn request(version: Version, series: &[Series]) -> Vec<u8> {
    match version {
        Version::V1 => first(series),
        Version::V2 => second(series),
    }
}

fn first(all: &[Series]) -> Vec<u8> {
    let mut out = Vec::new();
    let label =
        |(name, value): &(String, String)| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    for series in all {
        let mut message: Vec<u8> = series.labels.iter().flat_map(label).collect();
        series.samples.iter().for_each(|s| message.extend(field(2, &s.message(Version::V1))));
        for exemplar in &series.exemplars {
            let labels: Vec<u8> = exemplar.labels.iter().flat_map(label).collect();
            message.extend(field(3, &exemplar.message(labels)));
        }
        series.histograms.iter().for_each(|h| message.extend(field(4, &h.message(Version::V1))));
        message.extend(&series.beside);
        out.extend(field(1, &message));
    }
    for series in all {
        let Some((kind, help, unit)) = series.said else { continue };
        let name = field(2, series.metric().as_bytes());
        let message = [integer(1, kind), name, field(4, help.as_bytes()), field(5, unit.as_bytes())].concat();
        out.extend(field(3, &message));
    }
    out
}

fn second(all: &[Series]) -> Vec<u8> {
    let (mut symbols, mut out) = (Symbols(vec![""]), Vec::new());
    for series in all {
        let mut message = packed(1, &symbols.places(&series.labels));
        series.samples.iter().for_each(|s| message.extend(field(2, &s.message(Version::V2))));
        series.histograms.iter().for_each(|h| message.extend(field(3, &h.message(Version::V2))));
        for exemplar in &series.exemplars {
            message.extend(field(4, &exemplar.message(packed(1, &symbols.places(&exemplar.labels)))));
        }
        if let Some((kind, help, unit)) = series.said {
            let (help, unit) = (symbols.place(help), symbols.place(unit));
            message.extend(field(5, &[integer(1, kind), integer(3, help), integer(4, unit)].concat()));
        }
        message.extend(&series.beside);
        out.extend(field(5, &message));
    }
    let symbols = symbols.0.iter().flat_map(|symbol| field(4, symbol.as_bytes()));
    symbols.chain(out).collect()
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn zigzag(n: i64) -> u64 {
    (n << 1 ^ n >> 63) as u64
}

/// A field of bytes, or of a message.
pub fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// A field of a number.
pub fn integer(number: u64, n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3, &mut out);
    varint(n, &mut out);
    out
}

fn double(number: u64, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 1, &mut out);
    out.extend(value.to_bits().to_le_bytes());
    out
}

/// A repeated field of integers.
pub fn packed(number: u64, all: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    all.iter().for_each(|n| varint(*n, &mut bytes));
    field(number, &bytes)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

// === impl Series ===

impl Series {
    pub fn new(labels: &[(&str, &str)]) -> Self {
        Self { labels: owned(labels), ..Self::default() }
    }

    /// One that has a name alone.
    pub fn named(name: &str) -> Self {
        Self::new(&[("__name__", name)])
    }

    /// One that is to be refused.
    pub fn bad(self) -> Self {
        Self { is_bad: true, ..self }
    }

    pub fn sample(self, at: i64, value: f64) -> Self {
        self.since(0, at, value)
    }

    pub fn since(mut self, start: i64, at: i64, value: f64) -> Self {
        self.samples.push(Sample { at, value, start });
        self
    }

    pub fn histogram(mut self, histogram: Histogram) -> Self {
        self.histograms.push(histogram);
        self
    }

    pub fn exemplar(mut self, labels: &[(&str, &str)], at: i64, value: f64) -> Self {
        self.exemplars.push(Exemplar { labels: owned(labels), at, value, is_dropped: false });
        self
    }

    /// The same with its last exemplar left out by the receiver.
    pub fn dropped(mut self) -> Self {
        self.exemplars.last_mut().unwrap().is_dropped = true;
        self
    }

    pub fn said(self, kind: u64, help: &'static str, unit: &'static str) -> Self {
        Self { said: Some((kind, help, unit)), ..self }
    }

    /// With more fields of its message, as they are.
    pub fn beside(self, beside: Vec<u8>) -> Self {
        Self { beside, ..self }
    }

    /// Its name; empty where it has none.
    pub fn metric(&self) -> &str {
        self.labels.iter().find(|(name, _)| name == "__name__").map_or("", |(_, value)| value)
    }
}

// === impl Sample ===

impl Sample {
    fn message(&self, version: Version) -> Vec<u8> {
        let has_start = version == Version::V2 && self.start != 0;
        let start = if has_start { integer(3, self.start as u64) } else { vec![] };
        [double(1, self.value), integer(2, self.at as u64), start].concat()
    }
}

// === impl Exemplar ===

impl Exemplar {
    fn message(&self, labels: Vec<u8>) -> Vec<u8> {
        [labels, double(2, self.value), integer(3, self.at as u64)].concat()
    }
}

// === impl Histogram ===

impl Histogram {
    fn message(&self, version: Version) -> Vec<u8> {
        let counts = match self.is_float {
            true => [double(2, self.count), double(7, self.zero.1)],
            false => [integer(1, self.count as u64), integer(6, self.zero.1 as u64)],
        };
        let custom: Vec<u8> = self.custom.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        let rest = [
            double(3, self.sum),
            integer(4, zigzag(self.schema.into())),
            double(5, self.zero.0),
            self.side(8, &self.negative),
            self.side(11, &self.positive),
            integer(14, self.reset),
            integer(15, self.at as u64),
            field(16, &custom),
        ];
        let start = if version == Version::V2 && self.start != 0 { integer(17, self.start as u64) } else { vec![] };
        [counts.concat(), rest.concat(), start].concat()
    }

    /// Three fields: spans, deltas of integers, or floats.
    fn side(&self, number: u64, (spans, counts): &Side) -> Vec<u8> {
        let span = |(offset, length): &(i32, u32)| {
            field(number, &[integer(1, zigzag((*offset).into())), integer(2, u64::from(*length))].concat())
        };
        let mut out: Vec<u8> = spans.iter().flat_map(span).collect();
        if self.is_float {
            let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
            out.extend(field(number + 2, &bytes));
        } else {
            let before = std::iter::once(&0.0).chain(counts);
            let deltas: Vec<u64> = counts.iter().zip(before).map(|(n, last)| zigzag((n - last) as i64)).collect();
            out.extend(packed(number + 1, &deltas));
        }
        out
    }
}

// === impl Symbols ===

impl<'a> Symbols<'a> {
    fn place(&mut self, symbol: &'a str) -> u64 {
        let found = self.0.iter().position(|known| *known == symbol);
        found.unwrap_or_else(|| {
            self.0.push(symbol);
            self.0.len() - 1
        }) as u64
    }

    fn places(&mut self, labels: &'a [(String, String)]) -> Vec<u64> {
        labels.iter().flat_map(|(name, value)| [name, value]).map(|symbol| self.place(symbol)).collect()
    }
}

//! A histogram as scripts write it: `{{schema:1 count:3 sum:5.5 buckets:[1 2]}}`.
//!
//! Source: `histogram_series_value` of Prometheus' `promql/parser/generated_parser.y`, and `TestExpression` of its
//! `model/histogram/float_histogram.go`.

use std::fmt::Write as _;

use weir_pipeline::Histogram;
use weir_pipeline::histogram::{BucketSpan, Buckets, ResetHint};
use weir_pipeline::selector::quote;

use super::series::number;
use crate::annotations::go_float;

/// Every key and what it is called.
const KEYS: [&str; 11] = [
    "schema",
    "sum",
    "count",
    "z_bucket",
    "z_bucket_w",
    "buckets",
    "offset",
    "n_buckets",
    "n_offset",
    "custom_values",
    "counter_reset_hint",
];

/// What `counter_reset_hint` may be.
const HINTS: [(&str, ResetHint); 4] = [
    ("unknown", ResetHint::Unknown),
    ("reset", ResetHint::Reset),
    ("not_reset", ResetHint::NotReset),
    ("gauge", ResetHint::Gauge),
];

/// A literal that is being read.
struct Reader<'a> {
    rest: &'a str,
    /// The keys that were read.
    seen: Vec<&'static str>,
    out: Histogram,
    /// The index of the first bucket above 0, and of the first below.
    offsets: (i32, i32),
}

/// Reads the literal at the start of `text`. Returns it, whether it has a hint, and what follows.
pub(super) fn read(text: &str) -> Result<(Histogram, bool, &str), String> {
    let Some(rest) = text.strip_prefix("{{") else {
        return Err(format!("expected a histogram, got {}", quote(&head(text))));
    };
    let mut reader = Reader { rest, seen: Vec::new(), out: Histogram::default(), offsets: (0, 0) };
    loop {
        let trimmed = reader.rest.trim_start();
        if let Some(rest) = trimmed.strip_prefix("}}") {
            let hinted = reader.seen.contains(&"counter_reset_hint");
            let Reader { mut out, offsets, .. } = reader;
            out.positive.spans = spans(offsets.0, &out.positive.counts);
            out.negative.spans = spans(offsets.1, &out.negative.counts);
            return Ok((out, hinted, rest));
        }
        if !reader.seen.is_empty() && trimmed.len() == reader.rest.len() {
            return Err(format!("expected a space or `}}}}` in a histogram, got {}", quote(&head(trimmed))));
        }
        reader.rest = trimmed;
        reader.item()?;
    }
}

fn spans(offset: i32, counts: &[f64]) -> Vec<BucketSpan> {
    match u32::try_from(counts.len()) {
        Ok(length) if length > 0 => vec![BucketSpan { offset, length }],
        _ => Vec::new(),
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// `key:value`
    fn item(&mut self) -> Result<(), String> {
        let word = self.word();
        let Some(key) = KEYS.into_iter().find(|key| key.eq_ignore_ascii_case(word)) else {
            return Err(format!("expected one of {} in a histogram, got {}", KEYS.join(", "), quote(&head(word))));
        };
        if self.seen.contains(&key) {
            return Err(format!("expected `{key}` once in a histogram"));
        }
        self.seen.push(key);
        let Some(rest) = self.rest.strip_prefix(':') else {
            return Err(format!("expected `:` after `{key}`"));
        };
        self.rest = rest;
        match key {
            "schema" => self.out.schema = self.int()?,
            "sum" => self.out.sum = self.float()?,
            "count" => self.out.count = self.float()?,
            "z_bucket" => self.out.zero_count = self.float()?,
            "z_bucket_w" => self.out.zero_threshold = self.float()?,
            "buckets" => self.out.positive.counts = self.floats()?,
            "n_buckets" => self.out.negative.counts = self.floats()?,
            "offset" => self.offsets.0 = self.int()?,
            "n_offset" => self.offsets.1 = self.int()?,
            "custom_values" => self.out.custom = self.floats()?,
            _ => self.out.reset = self.hint()?,
        }
        Ok(())
    }

    /// What is up to a space, `:`, `]` or `}`.
    fn word(&mut self) -> &str {
        let end = self.rest.find(|c: char| c.is_whitespace() || ":[]{}".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn int(&mut self) -> Result<i32, String> {
        let word = self.word();
        word.parse().map_err(|_| format!("expected a whole number in a histogram, got {}", quote(&head(word))))
    }

    fn float(&mut self) -> Result<f64, String> {
        let word = self.word();
        match number(word) {
            Some((value, "")) if word != "stale" => Ok(value),
            _ => Err(format!("expected a number in a histogram, got {}", quote(&head(word)))),
        }
    }

    /// `[1 2 3]`
    fn floats(&mut self) -> Result<Vec<f64>, String> {
        let Some(rest) = self.rest.strip_prefix('[') else {
            return Err(format!("expected `[` in a histogram, got {}", quote(&head(self.rest))));
        };
        self.rest = rest;
        let mut floats = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(']') {
                self.rest = rest;
                return if floats.is_empty() {
                    Err("expected numbers between `[` and `]`".to_owned())
                } else {
                    Ok(floats)
                };
            }
            floats.push(self.float()?);
        }
    }

    fn hint(&mut self) -> Result<ResetHint, String> {
        let word = self.word();
        let hint = HINTS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        hint.map(|(_, hint)| hint)
            .ok_or_else(|| format!("expected unknown, reset, not_reset or gauge, got {}", quote(&head(word))))
    }
}

/// A histogram as a literal, which reads back as the same where its buckets are in one row.
pub fn format_histogram(histogram: &Histogram) -> String {
    let mut out = String::from("{{");
    let mut item = |key: &str, value: &str| {
        // Writing to a String does not fail.
        let _ = write!(out, "{}{key}:{value}", if out.len() > 2 { " " } else { "" });
    };
    let floats = |floats: &[f64]| format!("[{}]", floats.iter().copied().map(go_float).collect::<Vec<_>>().join(" "));
    if histogram.schema != 0 {
        item("schema", &histogram.schema.to_string());
    }
    let numbers = [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ];
    for (key, number) in numbers.into_iter().filter(|(_, number)| *number != 0.0) {
        item(key, &go_float(number));
    }
    if !histogram.custom.is_empty() {
        item("custom_values", &floats(&histogram.custom));
    }
    if let Some((name, _)) = HINTS.iter().find(|(_, hint)| *hint == histogram.reset && *hint != ResetHint::Unknown) {
        item("counter_reset_hint", name);
    }
    for (prefix, buckets) in [("", &histogram.positive), ("n_", &histogram.negative)] {
        let (offset, counts) = one_row(buckets);
        if offset != 0 {
            item(&format!("{prefix}offset"), &offset.to_string());
        }
        if !counts.is_empty() {
            item(&format!("{prefix}buckets"), &floats(&counts));
        }
    }
    out.push_str("}}");
    out
}

/// How many empty buckets between others are written out.
const MAX_GAP: i32 = 1000;

/// The index of the first bucket, and the counts from there on.
fn one_row(buckets: &Buckets) -> (i32, Vec<f64>) {
    let mut counts = buckets.counts.iter().copied();
    let (mut row, mut first) = (Vec::new(), 0);
    for (at, span) in buckets.spans.iter().enumerate() {
        match at {
            0 => first = span.offset,
            _ => row.extend(std::iter::repeat_n(0.0, span.offset.clamp(0, MAX_GAP) as usize)),
        }
        row.extend(counts.by_ref().take(span.length as usize));
    }
    (first, row)
}

/// The start of a text, for a message.
fn head(text: &str) -> String {
    text.chars().take(20).collect()
}

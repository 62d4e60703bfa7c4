//! A question as a message: for samples, for exemplars, for what a node knows of metrics and of its recent series, for what has
//! changed, or about tenants.

use std::sync::Arc;
use std::time::Duration;

use weir_pipeline::{Ask, Error, MatchOp, Matcher, Query, Result, Tenant};

use super::reader::{Reader, Sections, bad, got, unzigzag};
use super::writer::{Writer, put_text, put_varint, zigzag};
use super::{Limits, Message, Section};

const TENANT: Section = Section::new(0x81, "tenant");
const SPAN: Section = Section::new(0x82, "span");
const MATCHERS: Section = Section::new(0x83, "matchers");
const OPTIONS: Section = Section::new(0x84, "options");
const TIMEOUT: Section = Section::new(0x05, "timeout");
const BUCKET: Section = Section::new(0x06, "bucket");
const METADATA: Section = Section::new(0x87, "metadata");
const CARDINALITY: Section = Section::new(0x88, "cardinality");
const CHANGES: Section = Section::new(0x89, "changes");
const EXEMPLARS: Section = Section::new(0x8a, "exemplars");
const KINDS: Section = Section::new(0x0b, "kinds");
const TENANTS: Section = Section::new(0x8c, "tenants");
const DELETION: Section = Section::new(0x8d, "deletion");

const LABELS_ONLY: u8 = 1;

/// The longest name of a bucket, in bytes.
const MAX_BUCKET: u64 = 256;

/// The most entries of each kind that are asked for.
const MAX_ENTRIES: u64 = 1_000_000;

/// The most selectors of a question for exemplars.
const MAX_SELECTORS: u64 = 1000;

/// Appends a question that nodes ask each other to `out` as one message. `limit` and `lookback` do not go along.
///
/// # Errors
/// `Invalid`, where something else is asked.
pub fn encode_query(query: &Query, out: &mut Vec<u8>) -> Result<()> {
    let is_of_nodes = matches!(
        query.ask,
        Ask::Samples { .. }
            | Ask::Exemplars { .. }
            | Ask::Metadata { .. }
            | Ask::Cardinality { .. }
            | Ask::Changes { .. }
            | Ask::Tenants { .. }
            | Ask::DeleteTenant { .. }
    );
    if !is_of_nodes {
        let expect = "expected a question for samples, exemplars, metadata, cardinality, changes or tenants";
        return Err(Error::invalid(expect));
    }
    let mut writer = Writer::new(Message::Query, out);
    let tenant = match &query.ask {
        Ask::DeleteTenant { tenant } => tenant,
        _ => &query.tenant,
    };
    writer.written(TENANT, tenant.as_str().as_bytes());
    if let Ask::Samples { matchers, start, end, labels_only, .. } = &query.ask {
        put_samples(&mut writer, matchers, (*start, *end), *labels_only);
    }
    if let Ask::Exemplars { start, end, .. } = query.ask {
        put_span(&mut writer, (start, end));
    }
    if let Some(timeout) = query.timeout {
        writer.section(TIMEOUT, |out| put_varint(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), out));
    }
    if let Ask::Samples { bucket: Some(bucket), .. }
    | Ask::Exemplars { bucket: Some(bucket), .. }
    | Ask::Metadata { bucket: Some(bucket), .. } = &query.ask
    {
        writer.written(BUCKET, bucket.as_bytes());
    }
    match &query.ask {
        Ask::Metadata { metric, .. } => writer.written(METADATA, metric.as_deref().unwrap_or_default().as_bytes()),
        Ask::Cardinality { limit } => writer.section(CARDINALITY, |out| put_varint(*limit as u64, out)),
        Ask::Changes { since } => {
            writer.section(CHANGES, |out| put_varint(since.map_or(0, |since| since.saturating_add(1)), out));
        }
        Ask::Exemplars { selectors, .. } => writer.section(EXEMPLARS, |out| {
            put_varint(selectors.len() as u64, out);
            selectors.iter().for_each(|matchers| put_matchers(matchers, out));
        }),
        _ => {}
    }
    if query.kinds {
        writer.written(KINDS, &[]);
    }
    match &query.ask {
        Ask::Tenants { only } => {
            writer.written(TENANTS, only.as_ref().map_or("", |tenant| tenant.as_str()).as_bytes());
        }
        Ask::DeleteTenant { .. } => writer.written(DELETION, &[]),
        _ => {}
    }
    writer.seal();
    Ok(())
}

fn put_samples(writer: &mut Writer<'_>, matchers: &[Matcher], span: (i64, i64), labels_only: bool) {
    put_span(writer, span);
    writer.section(MATCHERS, |out| put_matchers(matchers, out));
    writer.written(OPTIONS, &[if labels_only { LABELS_ONLY } else { 0 }]);
}

fn put_span(writer: &mut Writer<'_>, (start, end): (i64, i64)) {
    writer.section(SPAN, |out| {
        put_varint(zigzag(start), out);
        put_varint(zigzag(end), out);
    });
}

fn put_matchers(matchers: &[Matcher], out: &mut Vec<u8>) {
    put_varint(matchers.len() as u64, out);
    for matcher in matchers {
        out.push(number(matcher.op));
        put_text(&matcher.name, out);
        put_text(&matcher.value, out);
    }
}

/// Reads a message that [`encode_query`] wrote.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_query(bytes: &[u8], limits: &Limits) -> Result<Query> {
    let known = [
        TENANT,
        SPAN,
        MATCHERS,
        OPTIONS,
        TIMEOUT,
        BUCKET,
        METADATA,
        CARDINALITY,
        CHANGES,
        EXEMPLARS,
        KINDS,
        TENANTS,
        DELETION,
    ];
    let sections = Sections::read(bytes, limits.message_bytes, Message::Query, &known, &[])?;
    let tenant = read_tenant(sections.must(TENANT)?)?;
    let mut others = [METADATA, CARDINALITY, CHANGES, EXEMPLARS, TENANTS, DELETION].into_iter();
    let mut next = || others.find_map(|section| Some((section.id, sections.get(section)?)));
    let ask = match next() {
        None => read_samples(&sections, limits)?,
        Some((_, one)) if next().is_some() => return Err(bad(one.pos(), "one question")),
        Some((id, one)) if id == DELETION.id => {
            one.end("a deletion")?;
            Ask::DeleteTenant { tenant: tenant.clone() }
        }
        Some((id, one)) => read_other(id, one, &sections, limits)?,
    };
    let timeout = match sections.get(TIMEOUT) {
        Some(mut timeout) => {
            let millis = timeout.varint()?;
            timeout.end("a timeout")?;
            Some(Duration::from_millis(millis))
        }
        None => None,
    };
    let kinds = sections.get(KINDS).is_some();
    Ok(Query { timeout, partial: false, kinds, ..Query::new(tenant, ask) })
}

/// A question for something beside samples, by the section that asks it.
fn read_other(id: u8, mut reader: Reader<'_>, sections: &Sections<'_>, limits: &Limits) -> Result<Ask> {
    if id == METADATA.id {
        return Ok(Ask::Metadata { metric: read_metric(reader, limits)?, bucket: read_bucket(sections)? });
    }
    if id == CARDINALITY.id {
        let limit = reader.at_most(MAX_ENTRIES, "entries")?;
        reader.end("cardinality")?;
        return Ok(Ask::Cardinality { limit: limit as usize });
    }
    if id == CHANGES.id {
        let number = reader.varint()?;
        reader.end("changes")?;
        return Ok(Ask::Changes { since: number.checked_sub(1) });
    }
    if id == TENANTS.id {
        let only = (reader.left() > 0).then(|| read_tenant(reader)).transpose()?;
        return Ok(Ask::Tenants { only });
    }
    let (start, end) = read_span(sections)?;
    let count = reader.count(MAX_SELECTORS, 1, "selectors")?;
    let selectors = (0..count).map(|_| read_matchers(&mut reader, limits)).collect::<Result<Vec<_>>>()?;
    reader.end("exemplars")?;
    Ok(Ask::Exemplars { selectors, start, end, bucket: read_bucket(sections)? })
}

fn read_span(sections: &Sections<'_>) -> Result<(i64, i64)> {
    let mut span = sections.must(SPAN)?;
    let (start, end) = (unzigzag(span.varint()?), unzigzag(span.varint()?));
    span.end("a span")?;
    Ok((start, end))
}

fn read_samples(sections: &Sections<'_>, limits: &Limits) -> Result<Ask> {
    let (start, end) = read_span(sections)?;
    let mut matchers = sections.must(MATCHERS)?;
    let found = read_matchers(&mut matchers, limits)?;
    matchers.end("matchers")?;
    let mut options = sections.must(OPTIONS)?;
    let (at, bits) = (options.pos(), options.byte()?);
    options.end("options")?;
    if bits & !LABELS_ONLY != 0 {
        return Err(got(at, "options that this version knows", bits));
    }
    let bucket = read_bucket(sections)?;
    Ok(Ask::Samples { matchers: found, start, end, labels_only: bits & LABELS_ONLY != 0, bucket })
}

/// The metric that is asked for; `None` for all.
fn read_metric(mut reader: Reader<'_>, limits: &Limits) -> Result<Option<String>> {
    let (at, len) = (reader.pos(), reader.left());
    if len > limits.value_bytes {
        return Err(got(at, format_args!("a metric of at most {} bytes", limits.value_bytes), len));
    }
    let metric = std::str::from_utf8(reader.take(len, "a metric")?).map_err(|_| bad(at, "a metric in UTF-8"))?;
    Ok(Some(metric).filter(|metric| !metric.is_empty()).map(str::to_owned))
}

fn read_tenant(mut reader: Reader<'_>) -> Result<Tenant> {
    let at = reader.pos();
    let bytes = reader.take(reader.left(), "a tenant")?;
    let name = std::str::from_utf8(bytes).map_err(|_| bad(at, "a tenant in UTF-8"))?;
    Tenant::new(name).map_err(|error| bad(at, "a tenant's name").with_source(error))
}

/// The bucket that the asker reads by itself.
fn read_bucket(sections: &Sections<'_>) -> Result<Option<Arc<str>>> {
    let Some(mut reader) = sections.get(BUCKET) else { return Ok(None) };
    let (at, len) = (reader.pos(), reader.left());
    if len > MAX_BUCKET {
        return Err(got(at, format_args!("a bucket of at most {MAX_BUCKET} bytes"), len));
    }
    let bytes = reader.take(len, "a bucket")?;
    std::str::from_utf8(bytes).map(|name| Some(Arc::from(name))).map_err(|_| bad(at, "a bucket in UTF-8"))
}

fn read_matchers(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<Matcher>> {
    let count = reader.count(limits.labels, 3, "matchers")?;
    let mut matchers = Vec::with_capacity(count);
    for _ in 0..count {
        let at = reader.pos();
        let op = match reader.byte()? {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Match,
            3 => MatchOp::NotMatch,
            other => return Err(got(at, "a comparison from 0 to 3", other)),
        };
        let name = reader.text(limits.name_bytes, "a name")?.text;
        let value = reader.text(limits.value_bytes, "a value")?;
        let wrong = |error| bad(value.at, "a regular expression").with_source(error);
        matchers.push(Matcher::new(name, op, value.text).map_err(wrong)?);
    }
    Ok(matchers)
}

fn number(op: MatchOp) -> u8 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Match => 2,
        MatchOp::NotMatch => 3,
    }
}

#[cfg(test)]
mod tests;

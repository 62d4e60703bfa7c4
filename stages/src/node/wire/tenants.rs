//! What a node has of tenants, as a message.

use weir_pipeline::query::{BlocksUsage, TenantUsage};
use weir_pipeline::{Result, Tenant};

use super::reader::{Reader, Sections, bad, got};
use super::writer::{Writer, put_text, put_varint};
use super::{Limits, Message, Section};

const TENANTS: Section = Section::new(0x81, "tenants");

/// The longest name of a tenant that is read, in bytes.
const MAX_NAME: u64 = 1024;

/// The least that a tenant takes: a name, five counts, and whether there is a bucket.
const LEAST: u64 = 8;

/// Appends what there is of tenants to `out` as one message.
pub fn encode_tenants(found: &[TenantUsage], out: &mut Vec<u8>) {
    let mut writer = Writer::new(Message::Tenants, out);
    writer.section(TENANTS, |out| {
        put_varint(found.len() as u64, out);
        for usage in found {
            put_text(usage.tenant.as_str(), out);
            put_varint(usage.head_series, out);
            put_varint(usage.head_samples, out);
            put_blocks(usage.local, out);
            out.push(u8::from(usage.bucket.is_some()));
            usage.bucket.into_iter().for_each(|blocks| put_blocks(blocks, out));
        }
    });
    writer.seal();
}

fn put_blocks(of: BlocksUsage, out: &mut Vec<u8>) {
    [of.blocks, of.samples, of.bytes].into_iter().for_each(|count| put_varint(count, out));
}

/// Reads a message that [`encode_tenants`] wrote.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_tenants(bytes: &[u8], limits: &Limits) -> Result<Vec<TenantUsage>> {
    let sections = Sections::read(bytes, limits.message_bytes, Message::Tenants, &[TENANTS], &[])?;
    let mut reader = sections.must(TENANTS)?;
    let count = reader.count(limits.dictionary, LEAST, "tenants")?;
    let found = (0..count).map(|_| read_usage(&mut reader)).collect::<Result<Vec<_>>>()?;
    reader.end("tenants")?;
    Ok(found)
}

fn read_usage(reader: &mut Reader<'_>) -> Result<TenantUsage> {
    let name = reader.text(MAX_NAME, "a name")?;
    let tenant = Tenant::new(name.text).map_err(|error| bad(name.at, "a tenant's name").with_source(error))?;
    let (head_series, head_samples) = (reader.varint()?, reader.varint()?);
    let local = read_blocks(reader)?;
    let at = reader.pos();
    let bucket = match reader.byte()? {
        0 => None,
        1 => Some(read_blocks(reader)?),
        other => return Err(got(at, "0 or 1", other)),
    };
    Ok(TenantUsage { tenant, head_series, head_samples, local, bucket })
}

fn read_blocks(reader: &mut Reader<'_>) -> Result<BlocksUsage> {
    Ok(BlocksUsage { blocks: reader.varint()?, samples: reader.varint()?, bytes: reader.varint()? })
}

#[cfg(test)]
mod tests;

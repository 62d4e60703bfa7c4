//! Messages of Arrow's IPC format as those of Flight: the same header and body, without the lengths around them.
//!
//! Source: `docs/source/format/Columnar.rst`, "Encapsulated message format", of Apache Arrow.

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use bytes::{Buf, Bytes, BytesMut};
use datafusion::arrow::ipc::root_as_message;
use datafusion::arrow::ipc::writer::StreamWriter;

use super::proto::FlightData;
use super::status::{Status, internal};

/// What begins a message.
const BEGIN: u32 = u32::MAX;

/// How many bytes stand before a header: what begins a message, and the header's length.
const PREFIX: usize = 8;

/// Takes pieces of an IPC stream, and gives its messages.
#[derive(Default)]
pub(super) struct Frames {
    bytes: BytesMut,
    has_ended: bool,
}

// === impl Frames ===

impl Frames {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The next message; `None` until more of it has come, and after the last.
    ///
    /// # Errors
    /// The bytes are no IPC stream.
    pub(super) fn next(&mut self) -> Result<Option<FlightData>, Status> {
        let wrong = || internal(&"expected a message of Arrow");
        let Some(mut prefix) = self.bytes.get(..PREFIX) else { return Ok(None) };
        if prefix.get_u32_le() != BEGIN {
            return Err(wrong());
        }
        let header = prefix.get_u32_le() as usize;
        if header == 0 {
            self.has_ended = true;
            self.bytes.clear();
            return Ok(None);
        }
        let Some(of_header) = self.bytes.get(PREFIX..PREFIX + header) else { return Ok(None) };
        let body = root_as_message(of_header).map_err(|error| internal(&error))?.bodyLength();
        let body = usize::try_from(body).map_err(|_| wrong())?;
        let end = PREFIX.checked_add(header).and_then(|end| end.checked_add(body)).ok_or_else(wrong)?;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let mut message = self.bytes.split_to(end).freeze();
        let body = message.split_off(PREFIX + header);
        Ok(Some(FlightData { descriptor: None, header: message.split_off(PREFIX), body }))
    }

    /// Whether the stream came to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }
}

/// The messages of a batch.
///
/// # Errors
/// A type has no place in the IPC format.
pub(super) fn of(batch: &RecordBatch) -> Result<Vec<FlightData>, Status> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(|error| internal(&error))?;
    writer.write(batch).map_err(|error| internal(&error))?;
    let mut frames = Frames::default();
    frames.push(writer.get_ref());
    std::iter::from_fn(|| frames.next().transpose()).collect()
}

/// Columns as a message of the IPC format, with its lengths.
///
/// # Errors
/// A type has no place in the IPC format.
pub(super) fn of_schema(schema: &Schema) -> Result<Bytes, Status> {
    let writer = StreamWriter::try_new(Vec::new(), schema).map_err(|error| internal(&error))?;
    Ok(Bytes::copy_from_slice(writer.get_ref()))
}

/// A message with its lengths, as the IPC format has it.
pub(super) fn encapsulated(message: &FlightData) -> Bytes {
    let length = u32::try_from(message.header.len()).unwrap_or(u32::MAX);
    [&BEGIN.to_le_bytes()[..], &length.to_le_bytes(), &message.header, &message.body].concat().into()
}

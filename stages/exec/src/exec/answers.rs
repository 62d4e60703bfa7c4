//! What a program says: from messages to record batches.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{self, MessageHeader, root_as_message};

use super::fault::Fault;
use super::frame::Frame;

/// The stream of a program, as far as it has come.
#[derive(Default)]
pub(super) struct Answers {
    schema: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
}

// === impl Answers ===

impl Answers {
    /// What a message has: rows, or none where it says how later ones are to be read.
    ///
    /// # Errors
    /// The message can't be read.
    pub(super) fn take(&mut self, frame: &Frame) -> Result<Option<RecordBatch>, Fault> {
        // Arrow's reader panics on some lengths that contradict each other.
        let read = catch_unwind(AssertUnwindSafe(|| self.read(frame)));
        read.unwrap_or_else(|_| Err(Fault::answer("a message contradicts itself")))
    }

    fn read(&mut self, frame: &Frame) -> Result<Option<RecordBatch>, Fault> {
        let unreadable = |error: ArrowError| Fault::answer(error);
        let message = root_as_message(&frame.head).map_err(|_| Fault::answer("a message has a damaged head"))?;
        let version = message.version();
        if let Some(schema) = message.header_as_schema() {
            if self.schema.is_some() {
                return Err(Fault::answer("a second schema"));
            }
            if schema.fields().is_none() {
                return Err(Fault::answer("a schema without fields"));
            }
            self.schema = Some(fb_to_schema(schema).into());
            return Ok(None);
        }
        let Some(schema) = self.schema.clone() else { return Err(Fault::answer("rows before a schema")) };
        if let Some(rows) = message.header_as_record_batch() {
            check(&rows, frame)?;
            let rows = read_record_batch(&frame.body, rows, schema, &self.dictionaries, None, &version);
            return rows.map(Some).map_err(unreadable);
        }
        if let Some(dictionary) = message.header_as_dictionary_batch() {
            match dictionary.data() {
                Some(rows) => check(&rows, frame)?,
                None => return Err(Fault::answer("a dictionary without values")),
            }
            let dictionaries = &mut self.dictionaries;
            read_dictionary(&frame.body, dictionary, &schema, dictionaries, &version).map_err(unreadable)?;
            return Ok(None);
        }
        match message.header_type() {
            MessageHeader::NONE => Err(Fault::answer("a message about nothing")),
            other => Err(Fault::Answer(format!("a message that is a {}", other.variant_name().unwrap_or("riddle")))),
        }
    }
}

/// That what a message describes is in its body.
fn check(rows: &ipc::RecordBatch<'_>, frame: &Frame) -> Result<(), Fault> {
    let within = |buffer: &ipc::Buffer| {
        let (start, length) = (u64::try_from(buffer.offset()).ok(), u64::try_from(buffer.length()).ok());
        let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
        end.is_some_and(|end| end <= frame.body.len() as u64)
    };
    if rows.compression().is_some() {
        return Err(Fault::answer("expected buffers that are not compressed"));
    }
    if rows.length() < 0 || !rows.buffers().into_iter().flatten().all(within) {
        return Err(Fault::answer("a message describes more than it has"));
    }
    let counts = |node: &ipc::FieldNode| (0..=node.length()).contains(&node.null_count());
    if !rows.nodes().into_iter().flatten().all(counts) {
        return Err(Fault::answer("a message counts less than nothing"));
    }
    Ok(())
}

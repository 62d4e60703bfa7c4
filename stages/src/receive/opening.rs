//! The way of a body into a batch: decompressed and decoded, with the memory that it takes charged as it comes.

use std::io::Read;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use weir_pipeline::Tenant;

use super::body;
use super::message::Message;
use super::reply::Reply;
use crate::http::budget::Share;
use crate::otlp::{self, Otlp};
use crate::remote_write::{Decoded, Limits, Memory, no_memory};

/// In such steps memory is charged for what is decompressed beyond what the body says, in bytes.
const STEP: u64 = 1 << 20;

/// A body that is to become a batch.
pub(super) struct Opening {
    pub(super) message: Message,
    pub(super) body: Vec<u8>,
    pub(super) tenant: Tenant,
    /// The most bytes of the body decompressed: of any, and of the tenant's.
    pub(super) max_decoded: u64,
    pub(super) most_of_tenant: u64,
    pub(super) limits: Limits,
    pub(super) otlp: Arc<Otlp>,
    /// What all that is charged to.
    pub(super) share: Share,
}

// === impl Opening ===

impl Opening {
    /// Decompresses and decodes. Nothing comes of a body in gzip that turns out longer than `here`.
    pub(super) fn run(&mut self, here: u64) -> Result<Option<Decoded>, Reply> {
        let declared = self.message.declared(&self.body);
        // As much again for the batch, which is rarely larger than its message. What is too long, or no snappy, fails below.
        let (length, decompressed) = (self.body.len() as u64, declared.min(self.max_decoded));
        self.share.resize(length + 2 * decompressed).map_err(|_| no_memory())?;
        match self.message.clone() {
            Message::Remote(version) => {
                let (share, beside) = (&mut self.share, length + decompressed);
                let memory = Memory { held: decompressed, ask: &mut |bytes| share.resize(beside + bytes).is_ok() };
                let (tenant, most) = (self.tenant.clone(), self.max_decoded);
                body::open(&self.body, version, tenant, most, &self.limits, memory).map(Some)
            }
            Message::Otlp(_) if declared > self.max_decoded => {
                Err(Reply::bad(format!("{}, got `{declared}`", self.too_long())))
            }
            Message::Otlp(form) if form.gzip => match self.unzip(declared, here)? {
                Some(unzipped) => self.otlp(Some(&unzipped), form.json).map(Some),
                None => Ok(None),
            },
            Message::Otlp(form) => self.otlp(None, form.json).map(Some),
        }
    }

    fn otlp(&mut self, unzipped: Option<&[u8]>, json: bool) -> Result<Decoded, Reply> {
        let body = unzipped.unwrap_or(&self.body);
        let read = if json { Some(otlp::to_protobuf(body, self.max_decoded).map_err(Reply::bad)?) } else { None };
        let message = read.as_deref().unwrap_or(body);
        let others = [unzipped, read.as_deref()].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
        let beside = (self.body.len() + others) as u64;
        let share = &mut self.share;
        let held = share.bytes().saturating_sub(beside);
        let memory = Memory { held, ask: &mut |bytes| share.resize(beside + bytes).is_ok() };
        Ok(otlp::decode_in(message, self.tenant.clone(), &self.limits, &self.otlp, memory)?)
    }

    /// What gzip holds, in one member or several, of which the last one is `declared` bytes long; nothing where it is more than
    /// `here`.
    fn unzip(&mut self, declared: u64, here: u64) -> Result<Option<Vec<u8>>, Reply> {
        let most = self.max_decoded.min(self.most_of_tenant);
        let (mut members, mut out) = (MultiGzDecoder::new(self.body.as_slice()), Vec::new());
        let mut room = declared;
        loop {
            // One more than there is room for tells whether there is more.
            let left = room + 1 - out.len() as u64;
            let read = members.by_ref().take(left).read_to_end(&mut out);
            read.map_err(|e| Reply::bad(format!("expected a body in gzip: {e}")))?;
            let len = out.len() as u64;
            match () {
                () if len <= room => return Ok(Some(out)),
                () if len > self.max_decoded => return Err(Reply::bad(self.too_long())),
                () if len > most => return Err(Reply::too_large(most)),
                () if len > here => return Ok(None),
                () => {}
            }
            let more = len.next_multiple_of(STEP).min(most) - room;
            self.share.resize(self.share.bytes() + more).map_err(|_| no_memory())?;
            room += more;
        }
    }

    fn too_long(&self) -> String {
        format!("expected at most {} bytes after decompression", self.max_decoded)
    }
}

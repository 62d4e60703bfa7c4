//! Bodies that are written in pieces: compressed on the way, and no faster than the client takes them.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{Stream, TryStreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tower::BoxError;
use zstd::stream::write::Encoder as Zstd;

use super::accept::Encoding;

/// The body of a reply.
pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// About how large a piece is before it is compressed.
pub(super) const PIECE: usize = 64 << 10;

/// How many pieces wait for the client at most.
const WAITING: usize = 4;

/// The level of zstd: the fastest of its usual ones.
const LEVEL: i32 = 1;

/// Takes what is to be sent.
pub(super) struct Pieces {
    encoder: Encoder,
    sender: mpsc::Sender<Piece>,
    /// How long the client may take for a piece.
    patience: Duration,
}

/// What is on its way to the client: bytes, the end, or why there is none.
type Piece = Result<Option<Bytes>, BoxError>;

/// The client is gone, or takes nothing.
#[derive(Debug)]
pub(super) struct Gone;

/// Compresses.
pub(super) enum Encoder {
    Identity(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Zstd<'static, Vec<u8>>),
}

/// The same pieces, compressed, each as soon as it comes. An error ends them, and so does `None` before the end of what was
/// compressed: what breaks off is not whole.
pub(super) fn compressed<S>(
    pieces: S,
    encoding: Encoding,
) -> io::Result<impl Stream<Item = Result<Bytes, BoxError>> + Send>
where
    S: Stream<Item = Result<Bytes, BoxError>> + Send + Unpin,
{
    let next = |(mut pieces, encoder, mut rest): (S, Option<Encoder>, Bytes)| async move {
        let Some(mut encoder) = encoder else { return Ok(None) };
        loop {
            if rest.is_empty() {
                match pieces.try_next().await? {
                    Some(piece) => rest = piece,
                    None => return Ok(Some((encoder.finish()?.into(), (pieces, None, rest)))),
                }
            }
            // A little at a time: who compresses holds up others who are served.
            encoder.write(&rest.split_to(rest.len().min(PIECE)))?;
            if rest.is_empty() {
                encoder.flush()?;
            }
            let ready = encoder.take();
            if !ready.is_empty() {
                return Ok(Some((ready.into(), (pieces, Some(encoder), rest))));
            }
            tokio::task::yield_now().await;
        }
    };
    Ok(stream::try_unfold((pieces, Some(Encoder::new(encoding)?), Bytes::new()), next))
}

// === impl Pieces ===

impl Pieces {
    /// Where to write, and the body that comes of it.
    ///
    /// # Errors
    /// There is no memory to compress with.
    pub(super) fn new(encoding: Encoding, patience: Duration) -> io::Result<(Self, Body)> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let next = |mut receiver: mpsc::Receiver<Piece>| async move {
            // Who writes says where the end is: what just stops is not whole.
            let broken = || Err("expected the answer to be written to its end".into());
            let piece = receiver.recv().await.unwrap_or_else(broken).transpose()?;
            Some((piece.map(Frame::data), receiver))
        };
        let body = StreamBody::new(stream::unfold(receiver, next)).boxed_unsync();
        Ok((Self { encoder: Encoder::new(encoding)?, sender, patience }, body))
    }

    /// Sends `bytes` and clears them.
    pub(super) async fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), Gone> {
        self.encoder.write(bytes).map_err(|_| Gone)?;
        bytes.clear();
        let piece = self.encoder.take();
        if piece.is_empty() { Ok(()) } else { self.send(Ok(Some(piece.into()))).await }
    }

    /// Sends the rest.
    pub(super) async fn finish(mut self, bytes: &mut Vec<u8>) {
        if self.write(bytes).await.is_err() {
            return self.fail("expected the client to take the answer".into()).await;
        }
        match std::mem::replace(&mut self.encoder, Encoder::Identity(Vec::new())).finish() {
            Ok(rest) => {
                if rest.is_empty() || self.send(Ok(Some(rest.into()))).await.is_ok() {
                    let _ = self.send(Ok(None)).await;
                }
            }
            Err(error) => self.fail(error.into()).await,
        }
    }

    /// Breaks the body off, so that nobody takes it for whole.
    pub(super) async fn fail(self, why: BoxError) {
        let _ = self.send(Err(why)).await;
    }

    async fn send(&self, piece: Piece) -> Result<(), Gone> {
        timeout(self.patience, self.sender.send(piece)).await.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

// === impl Encoder ===

impl Encoder {
    pub(super) fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Self::Identity(Vec::new()),
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Zstd => Self::Zstd(Zstd::new(Vec::new(), LEVEL)?),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(out) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Makes ready what was written so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What is ready to be sent.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Identity(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// What is left, with the end.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

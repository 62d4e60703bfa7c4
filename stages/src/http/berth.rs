//! Where a component listens that a reload builds anew: who comes takes over the socket of who goes, so that nobody who
//! connects meanwhile is refused.

use std::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use weir_pipeline::units::Address;
use weir_pipeline::{Context, Error};

use super::auth::Auth;
use super::server::{Listener, listen_at};
use crate::tls::TlsServer;

/// How often an address is tried that another one has, which may be about to leave it, and for how long that is no error.
const IN_USE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// How long to wait where the address can't be listened on.
const AGAIN: Duration = Duration::from_secs(5);

/// Where a component listens. A clone is the same: it goes from the one that leaves to the one that takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Berth(Arc<Mutex<Held>>);

/// An address, and its socket as long as somebody accepts connections from it.
type Held = Option<(Address, Weak<TcpListener>)>;

// === impl Berth ===

impl Berth {
    /// The socket that is listened on at this address, as long as somebody accepts connections from it.
    pub(crate) fn socket(&self, address: &Address) -> Option<Arc<TcpListener>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(at, _)| at == address).and_then(|(_, socket)| socket.upgrade())
    }

    /// Begins to listen as [`listen`](super::server::listen) does, again where that fails, until `stop`: then there is none.
    /// `failed` is told of what fails, but for an address that another one has only just.
    pub(crate) async fn listen(
        &self,
        (address, tls, auth): (&Address, Option<&TlsServer>, Option<&Auth>),
        context: &Context,
        stop: &CancellationToken,
        mut failed: impl FnMut(Error),
    ) -> Option<Listener> {
        let patient = Instant::now() + IN_USE.1;
        while !stop.is_cancelled() {
            let pause = match listen_at(address, self.socket(address), tls, auth, context).await {
                Ok(listener) => {
                    let held = Some((address.clone(), Arc::downgrade(listener.socket())));
                    *self.0.lock().unwrap_or_else(PoisonError::into_inner) = held;
                    return Some(listener);
                }
                Err(error) if is_in_use(&error) && Instant::now() < patient => IN_USE.0,
                Err(error) => {
                    failed(error);
                    AGAIN
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        None
    }
}

fn is_in_use(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AddrInUse)
}

//! A way to an address that may be slow, or cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::pause;

/// Passes on what comes, later or not at all. Lives as long as the test.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    way: Arc<Way>,
}

/// What all connections of a proxy share.
#[derive(Default)]
struct Way {
    delay: AtomicU64,
    /// While it is cut: the connections that came since.
    cut: Mutex<Option<Vec<TcpStream>>>,
    healed: Condvar,
}

// === impl Proxy ===

impl Proxy {
    /// A way to `to`, which is neither slow nor cut yet.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, way) = (listener.local_addr().unwrap(), Arc::<Way>::default());
        let shared = way.clone();
        std::thread::spawn(move || {
            while let Ok((here, _)) = listener.accept() {
                let Some(here) = shared.hold(here) else { continue };
                let way = shared.clone();
                std::thread::spawn(move || {
                    if let Ok(there) = TcpStream::connect(to) {
                        let _ = (here.set_nodelay(true), there.set_nodelay(true));
                        let back = (there.try_clone().unwrap(), here.try_clone().unwrap(), way.clone());
                        std::thread::spawn(move || pass(back.0, back.1, &back.2));
                        pass(here, there, &way);
                    }
                });
            }
        });
        Self { address, way }
    }

    /// From now on everything takes so long, each way.
    pub fn slow_down(&self, by: Duration) {
        self.way.delay.store(by.as_millis() as u64, Ordering::Relaxed);
    }

    /// Cuts the way, or heals it. While it is cut connections stay open and nothing comes through, not even their end; new ones
    /// are taken and held. Once it is healed, what was under way arrives, and the ones that were held end.
    pub fn cut(&self, cut: bool) {
        // The held ones are dropped here.
        *self.way.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut.then(Vec::new);
        self.way.healed.notify_all();
    }
}

// === impl Way ===

impl Way {
    /// Keeps a new connection while the way is cut, else gives it back.
    fn hold(&self, connection: TcpStream) -> Option<TcpStream> {
        match &mut *self.cut.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(held) => {
                held.push(connection);
                None
            }
            None => Some(connection),
        }
    }

    /// Waits until the way is not cut.
    fn wait(&self) {
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.healed.wait_while(cut, |cut| cut.is_some()));
    }
}

/// Passes on all that is read, until one side is closed.
fn pass(mut from: TcpStream, mut to: TcpStream, way: &Arc<Way>) {
    let (sender, chunks) = mpsc::channel::<(Instant, Vec<u8>)>();
    let out = way.clone();
    let writer = std::thread::spawn(move || {
        for (due, chunk) in chunks {
            pause(due.saturating_duration_since(Instant::now()));
            out.wait();
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        out.wait();
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + Duration::from_millis(way.delay.load(Ordering::Relaxed));
        if sender.send((due, buffer[..n].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
    let _ = from.shutdown(Shutdown::Both);
}

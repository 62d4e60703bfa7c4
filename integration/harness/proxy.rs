//! A way to an address that may be slow.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::pause;

/// Passes on what comes, later. Lives as long as the test.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    delay: Arc<AtomicU64>,
}

// === impl Proxy ===

impl Proxy {
    /// A way to `to`, which is not slow yet.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, delay) = (listener.local_addr().unwrap(), Arc::<AtomicU64>::default());
        let slow = delay.clone();
        std::thread::spawn(move || {
            while let Ok((here, _)) = listener.accept() {
                let slow = slow.clone();
                std::thread::spawn(move || {
                    if let Ok(there) = TcpStream::connect(to) {
                        let _ = (here.set_nodelay(true), there.set_nodelay(true));
                        let back = (there.try_clone().unwrap(), here.try_clone().unwrap(), slow.clone());
                        std::thread::spawn(move || pass(back.0, back.1, &back.2));
                        pass(here, there, &slow);
                    }
                });
            }
        });
        Self { address, delay }
    }

    /// From now on everything takes so long, each way.
    pub fn slow_down(&self, by: Duration) {
        self.delay.store(by.as_millis() as u64, Ordering::Relaxed);
    }
}

/// Passes on all that is read, until one side is closed.
fn pass(mut from: TcpStream, mut to: TcpStream, delay: &Arc<AtomicU64>) {
    let (sender, chunks) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = std::thread::spawn(move || {
        for (due, chunk) in chunks {
            pause(due.saturating_duration_since(Instant::now()));
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + Duration::from_millis(delay.load(Ordering::Relaxed));
        if sender.send((due, buffer[..n].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
    let _ = from.shutdown(Shutdown::Both);
}

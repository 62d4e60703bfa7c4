//! A name server that knows the addresses of one host, which the test decides.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

/// A name server.
pub struct Dns {
    pub address: SocketAddr,
    known: Arc<Mutex<Option<Vec<Ipv4Addr>>>>,
}

// === impl Dns ===

impl Dns {
    /// Starts one for which every name has these addresses.
    pub fn start(addresses: Vec<Ipv4Addr>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, known) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Some(addresses))));
        let say = known.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let known = say.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(known) = known {
                    let _ = socket.send_to(&answer(&question[..length], &known), from);
                }
            }
        });
        Self { address, known }
    }

    /// What names have from now on; nothing is said at all where it is `None`.
    pub fn say(&self, addresses: Option<Vec<Ipv4Addr>>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

/// The answer to a question, which the 11 bytes on the size of answers end.
fn answer(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let asked = &question[12..question.len() - 11];
    // Only IPv4 addresses there are.
    let addresses = if asked[asked.len() - 4..] == [0, 1, 0, 1] { addresses } else { &[] };
    let mut out = question[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    out.extend(asked);
    // The order is another each time, as that of real servers.
    let turn = usize::from(question[1]) % addresses.len().max(1);
    for address in addresses.iter().cycle().skip(turn).take(addresses.len()) {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
        out.extend(address.octets());
    }
    out
}

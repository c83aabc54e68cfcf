//! A NAT before one phone, played by the test: it relays datagrams, and forgets the way in when the phone is silent.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a socket is read before it is looked at whether the test is over.
const GLANCE: Duration = Duration::from_millis(20);
const DATAGRAM_MAX: usize = 65_535;

/// A running NAT; ends when dropped. Its clock is the test: see [`Self::time_passes`].
pub struct Nat {
    /// The port of 127.0.0.1 that the phone takes for the switch's.
    pub port: u16,
    /// The address that the switch sees.
    pub outside: SocketAddr,
    shared: Arc<Shared>,
    seen: usize,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Datagrams that went out.
    sent: AtomicUsize,
    /// Datagrams from outside that found the way shut.
    dropped: AtomicUsize,
    shut: AtomicBool,
    over: AtomicBool,
}

impl Nat {
    /// Starts one between a phone and the switch on this port.
    ///
    /// # Panics
    ///
    /// When the machine has no ports.
    pub fn before(switch_port: u16) -> Self {
        let socket = || UdpSocket::bind("127.0.0.1:0").expect("a port");
        let (inside, outside) = (socket(), socket());
        let shared = Arc::new(Shared::default());
        let port = inside.local_addr().expect("an address").port();
        let shown = outside.local_addr().expect("an address");
        outside.connect(("127.0.0.1", switch_port)).expect("an address");
        for socket in [&inside, &outside] {
            socket.set_read_timeout(Some(GLANCE)).expect("a time-out");
        }
        let phone = Arc::new(std::sync::OnceLock::new());
        let out = {
            let (from, to) = (inside.try_clone(), outside.try_clone());
            let (from, to) = (from.expect("a handle"), to.expect("a handle"));
            let (shared, phone) = (shared.clone(), phone.clone());
            thread::spawn(move || {
                relay(&shared.over, &from, |datagram, source| {
                    let _ = phone.set(source);
                    let _ = to.send(datagram);
                    shared.shut.store(false, Ordering::SeqCst);
                    shared.sent.fetch_add(1, Ordering::SeqCst);
                });
            })
        };
        let back = {
            let shared = shared.clone();
            thread::spawn(move || {
                relay(&shared.over, &outside, |datagram, _| match phone.get() {
                    Some(phone) if !shared.shut.load(Ordering::SeqCst) => {
                        let _ = inside.send_to(datagram, phone);
                    }
                    Some(_) | None => {
                        shared.dropped.fetch_add(1, Ordering::SeqCst);
                    }
                });
            })
        };
        Self { port, outside: shown, shared, seen: 0, threads: vec![out, back] }
    }

    /// Has the NAT forget the phone if nothing came from it since this was called last.
    pub fn time_passes(&mut self) {
        let sent = self.sent();
        if sent == std::mem::replace(&mut self.seen, sent) {
            self.shared.shut.store(true, Ordering::SeqCst);
        }
    }

    /// Whether the phone has sent anything since [`Self::time_passes`] was called last.
    pub fn is_used(&self) -> bool {
        self.sent() != self.seen
    }

    /// Datagrams that the phone sent.
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Datagrams from outside that did not get in.
    pub fn dropped(&self) -> usize {
        self.shared.dropped.load(Ordering::SeqCst)
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn relay(over: &AtomicBool, socket: &UdpSocket, mut take: impl FnMut(&[u8], SocketAddr)) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    while !over.load(Ordering::SeqCst) {
        match socket.recv_from(&mut buffer) {
            Ok((length, source)) => take(&buffer[..length], source),
            // The other end may not listen yet, or any more.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("the NAT cannot read: {error}"),
        }
    }
}

//! A relay with ports of its own, and phones.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use jackfield_relay::{RelayConfig, RelayHandle};
use media::{RelayCommand, RelayEvent, Side, StreamNo, StreamPorts, StreamStats};
use model::{ConnId, RelayId, Shard};

/// The longest a test waits for what must come.
pub(crate) const WAIT: Duration = Duration::from_secs(10);
/// The call of most tests.
pub(crate) const CALL: RelayId = RelayId(ConnId(1));
/// Its first stream.
pub(crate) const AUDIO: StreamNo = StreamNo(0);

/// Ports that belong to one test, below the ephemeral range.
const PORTS_PER_TEST: u32 = 64;
const FIRST_PORT: u32 = 12_000;
const PORT_RANGES: u32 = 270;
static TESTS: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Lab {
    pub(crate) relay: RelayHandle,
    events: Receiver<RelayEvent>,
    pub(crate) port_min: u16,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(16, |_| {})
    }

    /// A relay with so many port pairs.
    pub(crate) fn with(pairs: u16, change: impl FnOnce(&mut RelayConfig)) -> Self {
        // Tests run as threads of one process or as processes one after another; both have ranges of their own.
        let number = std::process::id() + TESTS.fetch_add(1, Ordering::Relaxed);
        let port_min = FIRST_PORT + number % PORT_RANGES * PORTS_PER_TEST;
        let port_min = u16::try_from(port_min).unwrap();
        let mut config =
            RelayConfig { port_min, port_max: port_min + 2 * pairs, ..RelayConfig::default() };
        change(&mut config);
        let (sender, events) = channel();
        let sink = Arc::new(move |_: Shard, event| {
            let _ = sender.send(event);
        });
        Self { relay: RelayHandle::start(config, sink).unwrap(), events, port_min }
    }

    pub(crate) fn tell(&self, command: RelayCommand) {
        self.relay.command(Shard(0), command);
    }

    pub(crate) fn event(&self) -> RelayEvent {
        self.events.recv_timeout(WAIT).unwrap()
    }

    /// Opens a call with one stream.
    pub(crate) fn open(&self, relay: RelayId) -> StreamPorts {
        *self.open_streams(relay, 1).first().unwrap()
    }

    /// Opens a call while another one has events, and gives its port towards the caller.
    pub(crate) fn open_besides(&self, relay: RelayId) -> SocketAddr {
        self.tell(RelayCommand::Open { relay, streams: 1 });
        loop {
            match self.event() {
                RelayEvent::Opened { streams, .. } => return streams.first().unwrap().a,
                RelayEvent::Learned { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn open_streams(&self, relay: RelayId, streams: u8) -> Vec<StreamPorts> {
        self.tell(RelayCommand::Open { relay, streams });
        match self.event() {
            RelayEvent::Opened { relay: opened, streams } if opened == relay => streams,
            other => panic!("{other:?}"),
        }
    }

    /// The party says that it is `phone`.
    pub(crate) fn remote(&self, side: Side, phone: &Phone) {
        self.remote_at(side, Some(phone.at()), Some(phone.rtcp.local_addr().unwrap()), false);
    }

    pub(crate) fn remote_at(
        &self,
        side: Side,
        rtp: Option<SocketAddr>,
        rtcp: Option<SocketAddr>,
        mux: bool,
    ) {
        self.tell(RelayCommand::Remote { relay: CALL, stream: AUDIO, side, rtp, rtcp, mux });
    }

    /// Waits until a party is learned.
    pub(crate) fn learned(&self) -> SocketAddr {
        match self.event() {
            RelayEvent::Learned { from, .. } => from,
            other => panic!("{other:?}"),
        }
    }

    /// Closes a call and gives what its first stream carried.
    pub(crate) fn close(&self, relay: RelayId) -> StreamStats {
        self.tell(RelayCommand::Close { relay });
        loop {
            match self.event() {
                RelayEvent::Closed { stats, .. } => return *stats.first().unwrap(),
                RelayEvent::Learned { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A call of one stream between two phones that have said where they are.
pub(crate) struct Call {
    pub(crate) lab: Lab,
    pub(crate) ports: StreamPorts,
    pub(crate) a: Phone,
    pub(crate) b: Phone,
}

impl Call {
    pub(crate) fn new() -> Self {
        Self::on(Lab::new())
    }

    pub(crate) fn on(lab: Lab) -> Self {
        let call = Self { ports: lab.open(CALL), lab, a: Phone::new(), b: Phone::new() };
        call.lab.remote(Side::A, &call.a);
        call.lab.remote(Side::B, &call.b);
        call
    }

    /// A packet from A that B must get.
    pub(crate) fn a_is_heard(&self, text: &str) {
        self.a.send(&rtp(text), self.ports.a);
        assert_eq!(self.b.receive(), (rtp(text), self.ports.b));
    }

    /// A packet from A that B must get, whatever else comes first.
    pub(crate) fn a_is_heard_at_last(&self, text: &str) {
        self.a.send(&rtp(text), self.ports.a);
        while self.b.receive().0 != rtp(text) {}
    }

    /// A packet from B that A must get.
    pub(crate) fn b_is_heard(&self, text: &str) {
        self.b.send(&rtp(text), self.ports.b);
        assert_eq!(self.a.receive(), (rtp(text), self.ports.a));
    }

    pub(crate) fn close(&self) -> StreamStats {
        self.lab.close(CALL)
    }
}

/// A phone: RTP on a port, RTCP on the next.
pub(crate) struct Phone {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    pub(crate) fn on(host: IpAddr) -> Self {
        let pair = || -> io::Result<Self> {
            let rtp = UdpSocket::bind((host, 0))?;
            let rtcp = UdpSocket::bind((host, rtp.local_addr()?.port() | 1))?;
            Ok(Self { rtp, rtcp })
        };
        let phone = std::iter::repeat_with(pair).take(1_000).find_map(Result::ok).unwrap();
        phone.rtp.set_read_timeout(Some(WAIT)).unwrap();
        phone.rtcp.set_read_timeout(Some(WAIT)).unwrap();
        phone
    }

    /// Where it is.
    pub(crate) fn at(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    pub(crate) fn send(&self, packet: &[u8], to: SocketAddr) {
        self.rtp.send_to(packet, to).unwrap();
    }

    /// The next RTP packet, and where it came from.
    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.rtp)
    }
}

pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer.get(..length).unwrap().to_vec(), from)
}

pub(crate) fn rtp(text: &str) -> Vec<u8> {
    rtp_of(7, text)
}

pub(crate) fn rtp_of(ssrc: u8, text: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc];
    packet.extend_from_slice(text.as_bytes());
    packet
}

pub(crate) fn rtcp(text: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 1, 0, 0, 0, 7];
    packet.extend_from_slice(text.as_bytes());
    packet
}

pub(crate) fn next_port(address: SocketAddr) -> SocketAddr {
    (address.ip(), address.port() + 1).into()
}

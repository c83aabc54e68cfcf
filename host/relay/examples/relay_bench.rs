//! What a relayed packet costs: calls of two phones that send G.711-sized packets, 50 a second each, spread evenly in time.
//!
//! `cargo run --release -p jackfield-relay --example relay_bench -- [calls] [seconds] [threads]`
//!
//! The load comes from threads of the same process; only the CPU time of the threads called `relay-…` is counted. For the floor
//! under it, a thread that only receives and sends, say `floor` instead of the number of threads.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use jackfield_relay::{RelayConfig, RelayHandle};
use media::{RelayCommand, RelayEvent, Side, StreamNo};
use model::{ConnId, RelayId, Shard};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    process::{Resource, Rlimit, setrlimit},
};

/// Bytes of an RTP packet with 20 ms of G.711.
const PACKET: usize = 172;
/// Time between two packets of a phone.
const PACKET_TIME: Duration = Duration::from_millis(20);
const WAIT: Duration = Duration::from_secs(10);
/// Packets the phones have received.
static HEARD: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| match args.next() {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let (calls, seconds) = (number(500).unwrap_or(500), number(10).unwrap_or(10));
    let threads = number(1);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(65_536), maximum: Some(65_536) });
    let phones: Vec<Phone> = (0..2 * calls).map(|_| Phone::new()).collect::<io::Result<_>>()?;
    let (phones, _relay) = match threads {
        Some(threads) => with_relay(phones, usize::try_from(threads).unwrap_or(1))?,
        None => (with_floor(phones)?, None),
    };
    let phones = Arc::new(phones);
    let done = Arc::new(AtomicBool::new(false));
    let ear = {
        let (phones, done) = (phones.clone(), done.clone());
        thread::Builder::new().name("ear".into()).spawn(move || listen(&phones, &done))?
    };
    // The first packets teach the addresses; they are not counted.
    send(&phones, Duration::from_secs(1))?;
    let (cpu, wakes) = (cpu_of_relay()?, wakes_of_relay()?);
    let sent = send(&phones, Duration::from_secs(seconds))?;
    let (cpu, wakes) = (cpu_of_relay()? - cpu, wakes_of_relay()? - wakes);
    // What is still under way when a second has brought nothing is lost.
    let mut last = 0;
    while last < HEARD.load(Ordering::Relaxed) {
        last = HEARD.load(Ordering::Relaxed);
        thread::sleep(Duration::from_secs(1));
    }
    done.store(true, Ordering::Relaxed);
    let mut delays = ear.join().map_err(|_| io::Error::other("the listening thread died"))??;
    let warm_up = delays.len().saturating_sub(usize::try_from(sent).unwrap_or(0));
    let mut delays = delays.split_off(warm_up);
    delays.sort_unstable();
    let part = |of: usize| delays.get(delays.len() * of / 1_000).copied().unwrap_or_default();
    println!(
        "{} streams, {} packets/s: {} ns of CPU a packet, {:.2} wake-ups a packet, {} of {sent} lost, delay p50 {} us, p99 {} us, \
         p99.9 {} us",
        phones.len(),
        sent / seconds.max(1),
        cpu / sent.max(1),
        wakes as f64 / sent as f64,
        sent.saturating_sub(delays.len() as u64),
        part(500),
        part(990),
        part(999),
    );
    Ok(())
}

struct Phone {
    socket: UdpSocket,
    /// Where it sends.
    to: SocketAddr,
}

impl Phone {
    fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let to = socket.local_addr()?;
        Ok(Self { socket, to })
    }
}

fn with_relay(
    mut phones: Vec<Phone>,
    threads: usize,
) -> io::Result<(Vec<Phone>, Option<RelayHandle>)> {
    let (sender, events) = channel();
    let sink = Arc::new(move |_: Shard, event| {
        let _ = sender.send(event);
    });
    let config = RelayConfig {
        port_min: 10_000,
        port_max: 30_000,
        threads,
        relays_max: 20_000,
        ..RelayConfig::default()
    };
    let relay = RelayHandle::start(config, sink).map_err(io::Error::other)?;
    for (number, pair) in phones.chunks_mut(2).enumerate() {
        let id = RelayId(ConnId(number as u64));
        relay.command(Shard(0), RelayCommand::Open { relay: id, streams: 1 });
        let (a, b) = opened(&events)?;
        for (phone, (side, to)) in pair.iter_mut().zip([(Side::A, a), (Side::B, b)]) {
            phone.to = to;
            let rtp = Some(phone.socket.local_addr()?);
            let (stream, rtcp, mux) = (StreamNo(0), None, false);
            let remote = RelayCommand::Remote { relay: id, stream, side, rtp, rtcp, mux };
            relay.command(Shard(0), remote);
        }
    }
    Ok((phones, Some(relay)))
}

fn opened(events: &Receiver<RelayEvent>) -> io::Result<(SocketAddr, SocketAddr)> {
    let event = events.recv_timeout(WAIT).map_err(io::Error::other)?;
    if let RelayEvent::Opened { streams, .. } = &event
        && let Some(ports) = streams.first()
    {
        return Ok((ports.a, ports.b));
    }
    Err(io::Error::other(format!("the relay did not open: {event:?}")))
}

/// One thread that receives from a socket and sends from its neighbour, and knows nothing.
fn with_floor(mut phones: Vec<Phone>) -> io::Result<Vec<Phone>> {
    let mut ways = Vec::new();
    for phone in &mut phones {
        let ours = Phone::new()?;
        let party = std::mem::replace(&mut phone.to, ours.to);
        ways.push(Phone { socket: ours.socket, to: party });
    }
    thread::Builder::new().name("relay-floor".into()).spawn(move || {
        let mut buffer = [0; 2_048];
        each_ready(&ways, None, |at| {
            let Ok((length, _)) = ways[at].socket.recv_from(&mut buffer) else { return };
            let other = &ways[at ^ 1];
            let _ = other.socket.send_to(&buffer[..length], other.to);
        })
    })?;
    Ok(phones)
}

/// Calls `read` with the number of each phone whose socket has something, until `done`.
fn each_ready(
    phones: &[Phone],
    done: Option<&AtomicBool>,
    mut read: impl FnMut(usize),
) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (at, phone) in phones.iter().enumerate() {
        let data = epoll::EventData::new_u64(at as u64);
        epoll::add(&epoll, phone.socket.as_fd(), data, epoll::EventFlags::IN)?;
    }
    let mut events = Vec::with_capacity(256);
    while done.is_none_or(|done| !done.load(Ordering::Relaxed)) {
        events.clear();
        let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&timeout))?;
        for event in &events {
            read(usize::try_from(event.data.u64()).unwrap_or(0));
        }
    }
    Ok(())
}

/// The delay of every packet in microseconds, in the order they came.
fn listen(phones: &[Phone], done: &AtomicBool) -> io::Result<Vec<u64>> {
    let mut delays = Vec::with_capacity(1 << 22);
    let mut buffer = [0; 2_048];
    let epoch = epoch();
    each_ready(phones, Some(done), |at| {
        let Ok(length) = phones[at].socket.recv(&mut buffer) else { return };
        if let (PACKET, Some(stamp)) = (length, buffer.get(12..20).and_then(|s| s.try_into().ok()))
        {
            let now = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(0);
            HEARD.fetch_add(1, Ordering::Relaxed);
            delays.push(now.saturating_sub(u64::from_be_bytes(stamp)) / 1_000);
        }
    })?;
    Ok(delays)
}

/// Sends for so long, and gives the number of packets.
fn send(phones: &[Phone], time: Duration) -> io::Result<u64> {
    let began = Instant::now();
    let mut packet = [0; PACKET];
    packet[0] = 0x80;
    let mut sent = 0;
    let step = PACKET_TIME / u32::try_from(phones.len()).unwrap_or(1);
    for round in 0.. {
        if began.elapsed() >= time {
            break;
        }
        for (at, phone) in phones.iter().enumerate() {
            let due = PACKET_TIME * round + step * u32::try_from(at).unwrap_or(0);
            let early = due.saturating_sub(began.elapsed());
            if early > Duration::from_micros(100) {
                thread::sleep(early);
            }
            packet[2..4].copy_from_slice(&(round as u16).to_be_bytes());
            packet[8..12].copy_from_slice(&(at as u32).to_be_bytes());
            let stamp = u64::try_from(epoch().elapsed().as_nanos()).unwrap_or(0);
            packet[12..20].copy_from_slice(&stamp.to_be_bytes());
            phone.socket.send_to(&packet, phone.to)?;
            sent += 1;
        }
    }
    Ok(sent)
}

fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// CPU time of the relay's threads so far, in nanoseconds.
fn cpu_of_relay() -> io::Result<u64> {
    sum_of_relay("schedstat", |text| text.split_whitespace().next().map(str::to_owned))
}

/// How often the relay's threads went to sleep so far.
fn wakes_of_relay() -> io::Result<u64> {
    sum_of_relay("status", |text| {
        let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().last().map(str::to_owned)
    })
}

fn sum_of_relay(file: &str, figure: impl Fn(&str) -> Option<String>) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if fs::read_to_string(path.join("comm"))?.starts_with("relay-") {
            let text = fs::read_to_string(path.join(file))?;
            sum += figure(&text).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(sum)
}

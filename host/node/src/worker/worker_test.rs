#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    num::NonZeroU16,
    thread::JoinHandle,
    time::{Duration, Instant as StdInstant},
};

use model::{
    Aor, Directory, Shard, Shards,
    hook::{Decision, MediaMode, Verdict},
};
use tokio::sync::oneshot;

use super::*;
use crate::{
    config::{JournalConfig, RecordFormat},
    directory::Everyone,
    journal::{Journal, Query},
    mailbox::mailbox,
    records::RecordThread,
    udp,
};

/// Leaves every decision to the switch.
struct BuiltIn;

impl Decide for BuiltIn {
    fn answer(&mut self, question: &Question, _: Moment) -> Answer {
        let decision = Decision {
            hook: question.hook(),
            about: None,
            decided_by: None,
            verdict: Verdict::BuiltIn,
            steps: Vec::new(),
            reasons: Vec::new(),
        };
        Answer { id: question.id, verdict: Verdict::BuiltIn, amended: None, pin: None, decision }
    }

    fn sweep(&mut self) {}
}

/// Some workers on one port of loopback.
struct Bench {
    address: std::net::SocketAddr,
    /// Where the first takes connections.
    stream_address: std::net::SocketAddr,
    client: UdpSocket,
    directory: Arc<NodeDirectory>,
    journal: Arc<Journal>,
    postboxes: Vec<Postbox<Mail>>,
    threads: Vec<JoinHandle<()>>,
}

impl Bench {
    fn start(workers: u16) -> Self {
        Self::that_waits(workers, Duration::ZERO)
    }

    /// Its workers call it too much when messages wait longer than this.
    fn that_waits(workers: u16, overload_wait: Duration) -> Self {
        let sockets = udp::bind("127.0.0.1:0".parse().unwrap(), workers, 65_536, 24).unwrap();
        let address = sockets[0].local_addr().unwrap();
        let stream = TcpListener::bind("127.0.0.1:0").unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream_address = stream.local_addr().unwrap();
        let mut stream = Some(stream);
        let clock = Clock::start();
        let owners = Owners::default();
        let directory = Arc::new(NodeDirectory::new(["127.0.0.1".to_owned()], Box::new(Everyone)));
        let config = JournalConfig { entries_max: 100, queue_max: 100 };
        let (journal, facts) = Journal::new(&config, 100, clock);
        let format = RecordFormat::Json;
        let records = RecordThread::start(String::new(), None, format, 1, clock).unwrap();
        let (postboxes, mailboxes): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| mailbox(1024).unwrap()).unzip();
        let threads = (0..workers)
            .zip(sockets)
            .zip(mailboxes)
            .map(|((shard, socket), mailbox)| {
                let stream = stream.take().map(|stream| ListenSocket::Stream(stream, None));
                let parts = Parts {
                    switch: shard_config(Shard(shard), workers, address),
                    sockets: std::iter::once(ListenSocket::Udp(socket)).chain(stream).collect(),
                    streams: StreamLimits::default(),
                    owners: owners.clone(),
                    words_max: 16,
                    send_queue_max: 16,
                    receive_batch_max: 16,
                    receive_queue_max: 1024,
                    overload_wait,
                    mailbox,
                    postboxes: postboxes.clone(),
                    directory: directory.clone(),
                    locate: Box::new(|_, _| ()),
                    relay: Box::new(|_| ()),
                    facts: facts.clone(),
                    cti: None,
                    records: Collector::new(records.sender(), 10, false),
                    store: None,
                    restored: Vec::new(),
                    clock,
                    calendar: Calendar::new(Some("UTC")),
                };
                std::thread::spawn(move || Worker::new(parts, BuiltIn).unwrap().run())
            })
            .collect();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { address, stream_address, client, directory, journal, postboxes, threads }
    }

    fn send(&self, method: &str, call: u32, extra: &str) {
        let (to, from) = (self.address, self.client.local_addr().unwrap());
        let text = format!(
            "{method} sip:2000@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{call}\r\n\
             From: <sip:2000@{to}>;tag=a\r\nTo: <sip:2000@{to}>\r\nCall-ID: call-{call}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        self.client.send_to(text.as_bytes(), to).unwrap();
    }

    /// The status line of the next response that is not provisional.
    fn answer(&self) -> String {
        let mut buffer = [0; 65_535];
        loop {
            let (length, _) = self.client.recv_from(&mut buffer).expect("no answer came");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            if !line.starts_with("SIP/2.0 1") {
                return line;
            }
        }
    }

    fn figures(&self, shard: usize) -> Figures {
        let (reply, answer) = oneshot::channel();
        assert!(self.postboxes[shard].post(Mail::Figures { reply }).is_ok());
        *answer.blocking_recv().unwrap()
    }

    fn stop(self) {
        for postbox in &self.postboxes {
            assert!(postbox.post(Mail::Stop).is_ok());
        }
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn shard_config(shard: Shard, workers: u16, at: std::net::SocketAddr) -> switch::Config {
    switch::Config {
        shard,
        shards: Shards(NonZeroU16::new(workers).unwrap()),
        seed: [7; 32],
        timers: sip::Timers::default(),
        sip_limits: sip::ParseLimits::default(),
        listeners: [("udp", Transport::Udp), ("tcp", Transport::Tcp)]
            .map(|(name, transport)| switch::Listener {
                name: name.to_owned(),
                transport,
                advertised: at,
            })
            .into(),
        limits: switch::Limits::default(),
        ring_timeout: Duration::from_secs(60),
        routing_timeout: Duration::from_secs(60),
        question_timeout: Duration::from_secs(1),
        locate_timeout: Duration::from_secs(1),
        failover_after: Duration::from_secs(1),
        udp_request_max: 1300,
        relay_timeout: Duration::from_secs(1),
        media: MediaMode::Bypass,
        media_address6: None,
        registrar: switch::RegistrarConfig::default(),
        events: switch::EventsConfig::default(),
        auth: None,
        emergency: switch::Emergency::default(),
        transfers: switch::TransferConfig::default(),
        call_events: switch::CallEventConfig::default(),
        proxy_key: None,
        service_route: "".into(),
        trusted: Vec::new(),
        diversion: switch::DiversionStyle::default(),
        sessions: switch::SessionConfig::default(),
        devices: Vec::new(),
        trunks: Vec::new(),
        server_header: String::new(),
    }
}

#[test]
fn a_registration_is_answered_and_published() {
    let bench = Bench::start(1);
    let contact = format!("Contact: <sip:2000@{}>\r\n", bench.client.local_addr().unwrap());
    bench.send("REGISTER", 1, &contact);
    assert_eq!(bench.answer(), "SIP/2.0 200 OK");
    let aor = Aor::new("2000", &bench.address.ip().to_string());
    assert_eq!(bench.directory.bindings(&aor).map(|bindings| bindings.len()), Some(1));
    assert_eq!(bench.figures(0).datagrams_in, 1);
    bench.stop();
}

#[test]
fn a_call_is_asked_about_and_its_decision_reaches_the_journal() {
    let bench = Bench::start(1);
    bench.send("INVITE", 1, "Contact: <sip:2000@127.0.0.1:9>\r\n");
    let status = bench.answer();
    assert!(status.starts_with("SIP/2.0 4"), "nobody is registered: {status}");
    let entries = bench.journal.entries(&Query { limit: 10, ..Query::default() });
    assert_eq!(entries.first().map(|entry| entry.call_id.as_str()), Some("call-1"));
    assert!(bench.figures(0).questions >= 1);
    bench.stop();
}

#[test]
fn every_worker_answers_for_its_own_calls_whoever_receives_them() {
    let bench = Bench::start(3);
    for call in 0..30 {
        bench.send("OPTIONS", call, "");
    }
    for _ in 0..30 {
        assert_eq!(bench.answer(), "SIP/2.0 200 OK");
    }
    let figures: Vec<Figures> = (0..3).map(|shard| bench.figures(shard)).collect();
    // One client is one address: the kernel gives all of its datagrams to one worker.
    assert_eq!(figures.iter().filter(|figures| figures.datagrams_in > 0).count(), 1);
    assert!(figures.iter().map(|figures| figures.handed_over).sum::<u64>() > 0);
    assert!(figures.iter().all(|figures| figures.sip.messages > 0), "{figures:?}");
    bench.stop();
}

#[test]
fn what_is_handed_over_waits_and_is_refused_like_what_a_worker_receives_itself() {
    let bench = Bench::that_waits(2, Duration::from_millis(1));
    let peer = bench.client.local_addr().unwrap();
    let flow = Flow { transport: Transport::Udp, listener: model::ListenerId(0), peer };
    let invite = |n: u32| {
        let text = format!(
            "INVITE sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bK{n}\r\nFrom: <sip:2@h>;tag=a\r\n\
             To: <sip:2000@127.0.0.1>\r\nCall-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:2@{peer}>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        Bytes::from(text)
    };
    // The other worker has had each since the start, which is long ago soon.
    let refused = (0..u32::MAX).find(|n| {
        let mail = Mail::Datagrams(Instant::ZERO, vec![(flow, invite(*n))]);
        assert!(bench.postboxes[1].post(mail).is_ok());
        bench.answer().starts_with("SIP/2.0 503")
    });
    assert!(refused.is_some());
    let figures = bench.figures(1);
    assert!(figures.sip.shed > 0 && figures.waited_most > Duration::from_millis(1), "{figures:?}");
    bench.stop();
}

#[test]
fn what_comes_over_a_connection_waits_and_is_refused_like_a_datagram() {
    let bench = Bench::that_waits(1, Duration::from_nanos(1));
    let mut stream = std::net::TcpStream::connect(bench.stream_address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let refused = (0..u32::MAX).find(|n| {
        let text = format!(
            "INVITE sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{n}\r\nFrom: <sip:2@h>;tag=a\r\n\
             To: <sip:2000@127.0.0.1>\r\nCall-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:2@127.0.0.1:9>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let final_line = |line: &String| line.starts_with("SIP/2.0 ") && !line.starts_with("SIP/2.0 1");
        lines.by_ref().map_while(Result::ok).find(final_line).unwrap().contains(" 503 ")
    });
    assert!(refused.is_some());
    assert!(bench.figures(0).sip.shed > 0);
    bench.stop();
}

#[test]
fn a_draining_worker_without_calls_ends_at_once() {
    let bench = Bench::start(1);
    let begun = StdInstant::now();
    assert!(bench.postboxes[0].post(Mail::Drain).is_ok());
    for thread in bench.threads {
        thread.join().unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn timers_are_rounded_up_to_the_grain() {
    let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
    assert_eq!(round_up(at(500)), at(500));
    assert_eq!(round_up(at(501)), at(510));
    assert_eq!(round_up(Instant::from_nanos(u64::MAX)), Instant::from_nanos(u64::MAX));
}

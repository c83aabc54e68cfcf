//! A phone's media: sends a tone, remembers what it hears.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::demo::tone::{FRAME, SAMPLE_RATE, Tone, decode, share_at};

const FRAME_TIME: Duration = Duration::from_millis(20);
/// What is remembered of what was heard: half a second.
const HEARD_MAX: usize = SAMPLE_RATE as usize / 2;
/// What must have been heard before a tone can be recognised: a fifth of a second.
const HEARD_MIN: usize = SAMPLE_RATE as usize / 5;
/// The fixed header of an RTP packet (RFC 3550 section 5.1).
const HEADER: usize = 12;

/// One audio stream, PCMU.
pub(super) struct Stream {
    socket: UdpSocket,
    tone: Tone,
    sending: Option<Sending>,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    heard: VecDeque<i16>,
    /// Packets sent and received.
    pub(super) packets: (u64, u64),
}

struct Sending {
    to: SocketAddr,
    next_at: Instant,
}

impl Stream {
    /// Binds a port on `ip`; the tone is `hz`.
    pub(super) fn open(ip: IpAddr, hz: f32, ssrc: u32) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            tone: Tone::new(hz),
            sending: None,
            sequence: 0,
            timestamp: 0,
            ssrc,
            heard: VecDeque::with_capacity(HEARD_MAX),
            packets: (0, 0),
        })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Begins to send to `to`, or goes on to another address.
    pub(super) fn send_to(&mut self, to: SocketAddr, now: Instant) {
        let next_at = self.sending.as_ref().map_or(now, |sending| sending.next_at);
        self.sending = Some(Sending { to, next_at });
    }

    /// Stops sending and forgets what was heard.
    pub(super) fn silence(&mut self) {
        self.sending = None;
        self.heard.clear();
        self.packets = (0, 0);
    }

    /// Sends what is due and takes what came.
    pub(super) fn step(&mut self, now: Instant) {
        while let Some(to) = self.due(now) {
            let packet = self.packet();
            if self.socket.send_to(&packet, to).is_ok() {
                self.packets.0 += 1;
            }
        }
        let mut buffer = [0; 1500];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            self.hear(&buffer[..length]);
        }
    }

    /// Whether the tone `hz` is what was heard of late.
    pub(super) fn hears(&self, hz: f32) -> bool {
        let (front, back) = self.heard.as_slices();
        let samples = [front, back].concat();
        samples.len() >= HEARD_MIN && share_at(&samples, hz) > 0.8
    }

    fn due(&mut self, now: Instant) -> Option<SocketAddr> {
        let sending = self.sending.as_mut().filter(|sending| sending.next_at <= now)?;
        sending.next_at += FRAME_TIME;
        Some(sending.to)
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(HEADER + FRAME);
        packet.extend([0x80, 0]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(self.tone.frame());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        packet
    }

    fn hear(&mut self, packet: &[u8]) {
        let Some((header, payload)) = packet.split_at_checked(HEADER) else { return };
        if header[0] != 0x80 || header[1] & 0x7f != 0 {
            return;
        }
        self.packets.1 += 1;
        for byte in payload {
            if self.heard.len() == HEARD_MAX {
                self.heard.pop_front();
            }
            self.heard.push_back(decode(*byte));
        }
    }
}

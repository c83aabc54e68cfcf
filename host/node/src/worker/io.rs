//! Between a worker's sockets and its switch.

use bytes::Bytes;
use model::{Flow, Instant, ListenerId};
use switch::Input;

use super::{Decide, Kind, ListenSocket, Mail, Parts, Port, Waiting, Worker};
use crate::{
    poller::{EventFlags, Poller, Token},
    stream::{Delivery, Happened, Streams},
    udp::{Sent, UdpPort},
};

/// Has the worker woken for its sockets, which are taken out of `parts`.
pub(super) fn register(
    poller: &Poller,
    streams: &mut Streams,
    parts: &mut Parts,
) -> std::io::Result<Vec<Port>> {
    let sockets = std::mem::take(&mut parts.sockets);
    let listeners = sockets.into_iter().zip(&parts.switch.listeners).enumerate();
    listeners
        .map(|(index, (socket, listener))| match socket {
            ListenSocket::Udp(socket) => {
                let port = UdpPort::new(socket, parts.send_queue_max);
                port.register(poller, listener_id(index))?;
                Ok(Port::Udp(port))
            }
            ListenSocket::Stream(socket, tls) => {
                streams.listen(listener_id(index), listener.transport, socket, tls)?;
                Ok(Port::Stream)
            }
        })
        .collect()
}

fn listener_id(index: usize) -> ListenerId {
    ListenerId(u16::try_from(index).unwrap_or(u16::MAX))
}

impl<D: Decide> Worker<D> {
    /// Has the worker woken for the sockets that something waits to be sent on.
    pub(super) fn arm(&mut self) {
        for (index, port) in self.ports.iter_mut().enumerate() {
            if let Port::Udp(port) = port {
                port.arm(&self.poller, listener_id(index));
            }
        }
    }

    pub(super) fn on_ready(&mut self, token: Token, flags: EventFlags, buffer: &mut [u8]) {
        match token {
            Token::Bell => {}
            Token::Listener(number) => match self.ports.get(usize::from(number)) {
                Some(Port::Udp(_)) => self.on_port(number, flags, buffer),
                Some(Port::Stream) => {
                    self.streams.on_listener(self.parts.clock.now(), ListenerId(number));
                }
                None => {}
            },
            Token::Connection { slot, generation } => {
                // What comes waits in the kernel while there is no room for it here.
                let full = !self.has_room(self.parts.receive_queue_max);
                let flags = if full { flags.difference(EventFlags::IN) } else { flags };
                if flags.is_empty() {
                    return;
                }
                let now = self.parts.clock.now();
                self.streams.on_connection(now, slot, generation, flags, buffer);
                self.take_happened();
            }
        }
    }

    fn on_port(&mut self, number: u16, ready: EventFlags, buffer: &mut [u8]) {
        let index = usize::from(number);
        if ready.contains(EventFlags::OUT)
            && let Some(Port::Udp(port)) = self.ports.get_mut(index)
        {
            port.flush();
        }
        if !ready.intersects(EventFlags::IN | EventFlags::ERR) {
            return;
        }
        let transport = self.transports[index];
        let now = self.parts.clock.now();
        for _ in 0..self.parts.receive_batch_max {
            if !self.has_room(self.parts.receive_queue_max) {
                return;
            }
            let Some(Port::Udp(port)) = self.ports.get(index) else { return };
            let Some((length, peer)) = port.receive(buffer) else { return };
            self.figures.datagrams_in += 1;
            let flow = Flow { transport, listener: ListenerId(number), peer };
            // A copy of its own size: a message that lives as long as its call must not keep a large buffer alive.
            let bytes = Bytes::copy_from_slice(&buffer[..length]);
            self.keep(Waiting { since: now, flow, bytes, kind: Kind::Received });
        }
    }

    /// Closes the connections whose time is over.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.streams.next_sweep().is_some_and(|at| at <= now) {
            self.streams.sweep(now);
            self.take_happened();
        }
    }

    /// What connections brought waits for its turn like a datagram, and so does their end behind it.
    fn take_happened(&mut self) {
        let since = self.parts.clock.now();
        for happened in self.streams.take_happened() {
            self.keep(match happened {
                Happened::Message { flow, bytes } => {
                    Waiting { since, flow, bytes, kind: Kind::Received }
                }
                Happened::Closed { flow } => {
                    Waiting { since, flow, bytes: Bytes::new(), kind: Kind::Closed }
                }
            });
        }
    }

    /// A connection has ended.
    pub(super) fn on_closed(&mut self, flow: Flow) {
        self.tell_closed(flow);
        self.input(Input::TransportError { flow });
    }

    /// Other workers may have requests under way on this connection.
    fn tell_closed(&mut self, flow: Flow) {
        for (shard, postbox) in self.parts.postboxes.iter().enumerate() {
            if shard != self.shard && postbox.post(Mail::Closed(flow)).is_err() {
                self.figures.passes_dropped += 1;
            }
        }
    }

    pub(super) fn transmit(&mut self, now: Instant, flow: Flow, bytes: &Bytes) {
        let Some(port) = self.ports.get_mut(usize::from(flow.listener.0)) else {
            return self.unreachable(flow);
        };
        let Port::Udp(port) = port else { return self.transmit_stream(now, flow, bytes, true) };
        match port.send(flow.peer, bytes) {
            Sent::Yes => self.figures.datagrams_out += 1,
            Sent::Dropped => self.figures.sends_dropped += 1,
            Sent::Unreachable => self.unreachable(flow),
        }
    }

    fn unreachable(&mut self, flow: Flow) {
        self.figures.unreachable += 1;
        self.followups.push_back(Input::TransportError { flow });
    }

    fn transmit_stream(&mut self, now: Instant, flow: Flow, bytes: &Bytes, may_pass: bool) {
        match self.streams.send(now, flow, bytes, may_pass) {
            Delivery::Taken => {}
            Delivery::Elsewhere(worker) => {
                let mail = Mail::Send { flow, bytes: bytes.clone() };
                let postbox = self.parts.postboxes.get(worker);
                if postbox.is_none_or(|postbox| postbox.post(mail).is_err()) {
                    self.figures.passes_dropped += 1;
                    self.unreachable(flow);
                }
            }
            Delivery::Failed => {
                self.unreachable(flow);
                if !may_pass {
                    self.tell_closed(flow);
                }
            }
        }
        // Sending reads nothing; connections may have ended.
        for happened in self.streams.take_happened() {
            match happened {
                Happened::Closed { flow } => {
                    self.tell_closed(flow);
                    self.followups.push_back(Input::TransportError { flow });
                }
                Happened::Message { flow, bytes } => {
                    self.followups.push_back(Input::Datagram { flow, bytes });
                }
            }
        }
    }

    /// Sends what another worker has for a connection that was this one's.
    pub(super) fn send_for_another(&mut self, flow: Flow, bytes: &Bytes) {
        let now = self.parts.clock.now();
        self.transmit_stream(now, flow, bytes, false);
        self.drain(now);
    }
}

//! A phone with a busy lamp and no more: a subscription to the calls of a user, its NOTIFYs answered as they come.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use crate::{panel::Panel, wait};

/// How long one message is waited for before the next look.
const LOOK: Duration = Duration::from_millis(20);

/// The lamp. Its user is `watcher` of the switch's address.
pub struct Watcher {
    socket: UdpSocket,
    switch: u16,
    user: String,
    call_id: String,
    to_tag: String,
    cseq: u32,
    /// What the newest NOTIFY said of the subscription.
    subscription: String,
    /// What it shows.
    pub panel: Panel,
}

impl Watcher {
    /// A lamp for the calls of `user` at a switch on this port, dark until it subscribes.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn new(switch: u16, user: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_read_timeout(Some(LOOK)).expect("a socket option");
        Self {
            call_id: format!("lamp-{user}-{}", socket.local_addr().expect("a port").port()),
            socket,
            switch,
            user: user.to_owned(),
            to_tag: String::new(),
            cseq: 0,
            subscription: String::new(),
            panel: Panel::default(),
        }
    }

    /// Subscribes, or renews its subscription; gives the status of the final answer.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[track_caller]
    pub fn subscribe(&mut self, seconds: u32) -> u16 {
        self.cseq += 1;
        let (cseq, user, switch, call_id) = (self.cseq, &self.user, self.switch, &self.call_id);
        let port = self.socket.local_addr().expect("a port").port();
        let tag = match self.to_tag.as_str() {
            "" => String::new(),
            tag => format!(";tag={tag}"),
        };
        let text = format!(
            "SUBSCRIBE sip:{user}@127.0.0.1:{switch} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call_id}-{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:watcher@127.0.0.1>;tag=lamp\r\nTo: <sip:{user}@127.0.0.1>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:watcher@127.0.0.1:{port}>\r\n\
             Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: {seconds}\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), (Ipv4Addr::LOCALHOST, switch)).expect("a send");
        let answer = wait::until("the answer to the SUBSCRIBE", || {
            let text = self.look()?;
            text.starts_with("SIP/2.0 ")
                .then_some(text)
                .filter(|text| !text.starts_with("SIP/2.0 1"))
        });
        if let Some(tag) = line(&answer, "To").and_then(|to| to.split("tag=").nth(1)) {
            tag.clone_into(&mut self.to_tag);
        }
        answer[8..11].parse().expect("a status")
    }

    /// Begins a subscription of its own when it subscribes next.
    pub fn forget(&mut self) {
        self.call_id.push('x');
        self.to_tag.clear();
        self.panel = Panel::default();
        self.subscription.clear();
    }

    /// Waits until the lamp shows these states, in any order.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn shows(&mut self, states: &[&str]) {
        wait::until(&format!("the lamp of {} to show {states:?}", self.user), || {
            if self.panel.is(states) {
                return Some(());
            }
            self.look();
            self.panel.is(states).then_some(())
        });
    }

    /// Waits until a NOTIFY says this of the subscription.
    ///
    /// # Panics
    ///
    /// When none does.
    #[track_caller]
    pub fn is_told(&mut self, subscription: &str) {
        wait::until(&format!("{subscription} to be told"), || {
            self.look();
            self.subscription.starts_with(subscription).then_some(())
        });
    }

    /// Takes the next message, if one comes; a NOTIFY is answered and shown.
    fn look(&mut self) -> Option<String> {
        let mut buffer = [0; 65_535];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with("NOTIFY ") {
            let is_ours = line(&text, "Call-ID") == Some(&self.call_id);
            let status = if is_ours { "200 OK" } else { "481 Gone" };
            let fields = ["Via", "From", "To", "Call-ID", "CSeq"];
            let fields =
                fields.map(|name| format!("{name}: {}\r\n", line(&text, name).unwrap_or_default()));
            let answer =
                format!("SIP/2.0 {status}\r\n{}Content-Length: 0\r\n\r\n", fields.concat());
            self.socket.send_to(answer.as_bytes(), from).expect("a send");
            if is_ours {
                self.show(&text);
            }
        }
        Some(text)
    }

    fn show(&mut self, notify: &str) {
        line(notify, "Subscription-State").unwrap_or_default().clone_into(&mut self.subscription);
        if let Some((_, body)) = notify.split_once("\r\n\r\n") {
            self.panel.show(body);
        }
    }
}

fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

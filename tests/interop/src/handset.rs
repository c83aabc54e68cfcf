//! What every phone here can do, whoever wrote it.

use std::{net::IpAddr, path::PathBuf};

/// How a phone is set up.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The user it is, at the domain `localhost`.
    pub user: &'a str,
    /// What it answers challenges with.
    pub password: &'a str,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// Where the switch is, and with it the family it speaks.
    pub host: IpAddr,
    /// The port of the switch.
    pub port: u16,
    /// The life of its registration, in seconds.
    pub expires_s: u32,
    /// The tone it plays into its calls.
    pub tone_hz: u32,
}

impl Line<'_> {
    /// The switch as a URI has it: an IPv6 address in brackets.
    pub(crate) fn host_port(&self) -> String {
        std::net::SocketAddr::new(self.host, self.port).to_string()
    }
}

/// A phone that plays a tone and records what it hears. A call that comes in is answered at once.
pub trait Handset {
    /// Waits until it is registered.
    fn registered(&mut self);
    /// Waits until its registration has been refused.
    fn refused(&mut self);
    /// Calls a user of its own domain.
    fn call(&mut self, user: &str);
    /// Waits until it is in a call.
    fn connected(&mut self);
    /// Waits until it has heard two seconds of its call, and gives the recording.
    fn heard(&mut self) -> PathBuf;
    /// Ends its call.
    fn hang_up(&mut self);
    /// Waits until its call has ended, and gives what it says of it.
    fn ended(&mut self) -> String;
}

/// Bytes of a recording of 8,000 samples a second that are enough: two seconds and a half.
pub(crate) const ENOUGH: u64 = 8000 * 2 * 5 / 2;

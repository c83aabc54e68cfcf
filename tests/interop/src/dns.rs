//! A name server of this machine's own: Debian's dnsmasq with the records of one test.

use std::{
    fs,
    net::UdpSocket,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{ports, wait};

/// A running name server; ended when dropped.
pub struct Dns {
    /// UDP and TCP port of 127.0.0.1 it answers on.
    pub port: u16,
    process: Child,
}

impl Dns {
    /// Starts it with records in the words of its own options, such as `--host-record=gw.test,127.0.0.1`, and waits until it
    /// answers. Names under `test` that it has no record of do not exist.
    ///
    /// # Panics
    ///
    /// When it does not come up; with what it said.
    pub fn start(records: &[String]) -> Self {
        let port = ports::free();
        let mut command = Command::new(program());
        command.args([
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
        ]);
        command.args(["--pid-file=", "--log-facility=-", "--bind-interfaces", "--local=/test/"]);
        command.args(["--listen-address=127.0.0.1".to_owned(), format!("--port={port}")]);
        command.args(records);
        let log = tempfile::NamedTempFile::new().expect("a file for its log");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log.reopen().expect("a second handle"));
        let process = command.spawn().expect("dnsmasq starts");
        let mut dns = Self { port, process };
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        probe.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        wait::until("dnsmasq to answer", || {
            if let Ok(Some(status)) = dns.process.try_wait() {
                let said = fs::read_to_string(log.path()).unwrap_or_default();
                panic!("dnsmasq ended with {status}:\n{said}");
            }
            // A query for the A record of `test`.
            let query =
                b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x01\x00\x01";
            probe.send_to(query, ("127.0.0.1", port)).ok()?;
            probe.recv(&mut [0; 512]).ok()
        });
        dns
    }

    /// The setting that has a switch ask this name server.
    pub fn setting(&self) -> String {
        format!("dns.servers=[\"127.0.0.1:{}\"]", self.port)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps servers out of a plain user's path.
fn program() -> &'static str {
    const SBIN: &str = "/usr/sbin/dnsmasq";
    if std::path::Path::new(SBIN).exists() { SBIN } else { "dnsmasq" }
}

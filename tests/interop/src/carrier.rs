//! A carrier: Debian's Kamailio with `kamailio/carrier.cfg`.

use std::{
    fs,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{peers, switch::tail, wait};

/// Lines of its log that a failure repeats.
const LINES_SHOWN: usize = 40;

/// The name that the carrier's customer logs in with, and the number it is called by; its password is `secret`.
pub const ACCOUNT: &str = "4312345";

/// A running Kamailio; ended when dropped.
pub struct Carrier {
    /// Where it is reached, such as `127.0.0.2:6200`.
    pub address: String,
    /// The log of all its runs.
    log: PathBuf,
    config: PathBuf,
    process: Option<Child>,
}

/// How a carrier is started.
pub struct Terms<'a> {
    /// The address it listens on.
    pub ip: &'a str,
    /// The port it listens on.
    pub port: u16,
    /// The UDP port of 127.0.0.1 where its customer's calls go.
    pub world: u16,
    /// Whether its challenges name a quality of protection (RFC 7616); without it they are those of RFC 2069.
    pub qop: bool,
    /// Registrations for fewer seconds are refused with 423.
    pub expires_min: u32,
}

impl Carrier {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn start(folder: &Path, terms: &Terms<'_>) -> Self {
        let text = fs::read_to_string(peers::here().join("kamailio/carrier.cfg"))
            .expect("the configuration")
            .replace("@IP@", terms.ip)
            .replace("@WORLD@", &terms.world.to_string())
            .replace("@EXPIRES_MIN@", &terms.expires_min.to_string())
            .replace("@QOP@", if terms.qop { "1" } else { "0" });
        Self::configured(folder, terms.ip, terms.port, &text)
    }

    /// Starts a Kamailio with this configuration, in which `@LISTEN@` is its address, and waits until it answers OPTIONS.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn configured(folder: &Path, ip: &str, port: u16, text: &str) -> Self {
        let address = format!("{ip}:{port}");
        let config = folder.join(format!("kamailio-{port}.cfg"));
        fs::write(&config, text.replace("@LISTEN@", &address)).expect("a configuration file");
        let log = config.with_extension("log");
        let mut carrier = Self { address, log, config, process: None };
        carrier.up();
        carrier
    }

    /// Starts it again after [`Self::down`]. What was registered is forgotten.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn up(&mut self) {
        let log = fs::File::create(&self.log).expect("a log file");
        let mut command = Command::new(program());
        // In the foreground, with little memory: it has one customer.
        command.args(["-DD", "-E", "-m", "16", "-M", "4", "-f"]).arg(&self.config);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.process =
            Some(command.spawn().expect("kamailio starts; `cargo xtask test` installs it"));
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        probe.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        let here = probe.local_addr().expect("its address");
        let options = format!(
            "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKprobe;rport\r\nFrom: <sip:probe@{here}>;tag=p\r\n\
             To: <sip:{0}>\r\nCall-ID: probe-{here}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
            self.address
        );
        wait::until("Kamailio to answer", || {
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Child::try_wait) {
                panic!("Kamailio ended with {status}:\n{}", self.account());
            }
            probe.send_to(options.as_bytes(), &self.address).ok()?;
            probe.recv(&mut [0; 2048]).ok()
        });
    }

    /// Ends it: what is sent to it is lost from now on.
    ///
    /// # Panics
    ///
    /// When it cannot be ended.
    pub fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It ends its children when it is asked to end, and not when it is killed.
            let sent = Command::new("kill").arg(process.id().to_string()).status();
            assert!(sent.expect("kill starts").success(), "Kamailio was gone:\n{}", self.account());
            process.wait().expect("the state of a child");
        }
    }

    /// The port it listens on.
    ///
    /// # Panics
    ///
    /// Never: it was started there.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.expect("an address with a port")
    }

    /// The end of its log.
    pub fn account(&self) -> String {
        tail(&self.log, LINES_SHOWN)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- Kamailio's log ends:\n{}", self.account());
        }
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
    }
}

/// Debian keeps servers out of a plain user's path.
fn program() -> &'static str {
    const SBIN: &str = "/usr/sbin/kamailio";
    if Path::new(SBIN).exists() { SBIN } else { "kamailio" }
}

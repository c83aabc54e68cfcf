//! SIPp: scenarios of `tests/interop/sipp`, one process each.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::{peers, ports, switch::tail, wait};

/// Lines of a peer's account that a failure repeats.
const LINES_SHOWN: usize = 40;

/// What the scenarios in `scenarios` have in common. Whole steps of a caller: `CALL` calls, is answered and acknowledges; `LEAVE` hangs
/// up. Of a called party: `ANSWER` is called and answers; `LEFT` takes a BYE; `OK` is the 200 to the last request, with no body.
/// Parts of messages: `ASK` is what a request of a caller has but its To, CSeq and body, and `TO` the To of one within its call;
/// `REPLY` what a response has but its To and body; `KEEP`, in the `recv` of an INVITE, keeps what `REPLY-INVITE` says when something
/// else has come since, and what `ASK-BACK` says in a request of the called party, but its CSeq and body; `SDP` is a body, and `NONE` none.
const COMMON: [(&str, &str); 13] = [
    (
        "CALL",
        "<send retrans=\"500\"><![CDATA[\nINVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n@ASK@\n\
         To: <sip:[service]@[remote_ip]>\nCSeq: 1 INVITE\n@SDP@\n]]></send>\n\
         <recv response=\"100\" optional=\"true\"/><recv response=\"180\" optional=\"true\"/>\n\
         <recv response=\"200\" rrs=\"true\"/>\n\
         <send><![CDATA[\nACK [next_url] SIP/2.0\n@ASK@\n@TO@\nCSeq: 1 ACK\n@NONE@\n]]></send>",
    ),
    (
        "LEAVE",
        "<send retrans=\"500\"><![CDATA[\nBYE [next_url] SIP/2.0\n@ASK@\n@TO@\nCSeq: 99 BYE\n@NONE@\n]]></send>\n\
         <recv response=\"200\"/>",
    ),
    (
        "ANSWER",
        "<recv request=\"INVITE\" rrs=\"true\">@KEEP@</recv>\n\
         <send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n@REPLY@\n[last_To:];tag=b[pid]x[call_number]\n@SDP@\n]]></send>\n\
         <recv request=\"ACK\"/>",
    ),
    ("LEFT", "<recv request=\"BYE\"/>\n@OK@"),
    ("OK", "<send><![CDATA[\nSIP/2.0 200 OK\n@REPLY@\n[last_To:]\n@NONE@\n]]></send>"),
    ("TO", "To: <sip:[service]@[remote_ip]>[peer_tag_param]"),
    (
        "ASK-BACK",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
         From:[$to];tag=b[pid]x[call_number]\nTo:[$from]\nCall-ID: [call_id]\n\
         Contact: <sip:2000@[local_ip]:[local_port]>",
    ),
    (
        "ASK",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
         From: <sip:1000@[remote_ip]>;tag=a[pid]x[call_number]\nCall-ID: [call_id]\n\
         Contact: <sip:1000@[local_ip]:[local_port]>",
    ),
    (
        "REPLY-INVITE",
        "Via:[$via]\n[last_From:]\n[last_Call-ID:]\nCSeq:[$cseq]\n\
         Contact: <sip:2000@[local_ip]:[local_port]>",
    ),
    (
        "REPLY",
        "[last_Via:]\n[last_From:]\n[last_Call-ID:]\n[last_CSeq:]\n\
         Contact: <sip:2000@[local_ip]:[local_port]>",
    ),
    (
        "KEEP",
        "<action><ereg regexp=\".*\" search_in=\"hdr\" header=\"Via:\" assign_to=\"via\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" assign_to=\"cseq\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"from\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/></action>",
    ),
    (
        "SDP",
        "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=- 50 1 IN IP4 [local_ip]\ns=-\n\
         c=IN IP4 [local_ip]\nt=0 0\nm=audio 6000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=sendrecv",
    ),
    ("NONE", "Content-Length: 0\n"),
];

/// A SIPp that runs one scenario; ended when dropped.
pub struct Sipp {
    /// The UDP port it speaks on.
    pub port: u16,
    name: String,
    folder: PathBuf,
    process: Child,
}

/// How SIPp is started.
pub struct Scenario<'a> {
    name: &'a str,
    folder: &'a Path,
    values: Vec<(&'a str, String)>,
    arguments: Vec<String>,
    port: u16,
    address: &'a str,
    remote: Option<&'a str>,
    transport: &'a str,
    calls: u32,
    patience: Duration,
}

impl<'a> Scenario<'a> {
    /// The scenario `sipp/<name>.xml`, for one call, with a folder for its files.
    pub fn new(name: &'a str, folder: &'a Path) -> Self {
        let patience = Duration::from_secs(30);
        Self {
            name,
            folder,
            values: Vec::new(),
            arguments: Vec::new(),
            port: ports::free(),
            address: "127.0.0.1",
            remote: None,
            transport: "u1",
            calls: 1,
            patience,
        }
    }

    /// Puts `value` where the scenario says `@KEY@`.
    #[must_use]
    pub fn value(mut self, key: &'a str, value: impl ToString) -> Self {
        self.values.push((key, value.to_string()));
        self
    }

    /// Speaks over another transport, as SIPp calls it: `t1` is TCP over one connection, `tn` TCP with one for each call.
    #[must_use]
    pub const fn over(mut self, transport: &'a str) -> Self {
        self.transport = transport;
        self
    }

    /// Speaks from, and to, another address than 127.0.0.1, which SIPp wants without brackets.
    #[must_use]
    pub const fn at(mut self, address: &'a str) -> Self {
        self.address = address;
        self
    }

    /// Speaks on this port, such as that of a peer that has ended.
    #[must_use]
    pub const fn on(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Speaks to this address, `IP:PORT`, and still from 127.0.0.1.
    #[must_use]
    pub const fn to(mut self, remote: &'a str) -> Self {
        self.remote = Some(remote);
        self
    }

    /// The URI that its credentials are for, without `sip:`; SIPp leaves out the user otherwise.
    pub fn proves_for(mut self, uri: &str) -> Self {
        self.arguments.extend(["-auth_uri".to_owned(), uri.to_owned()]);
        self
    }

    /// Repeats nothing by itself, and takes what is repeated to it for a message of its own.
    #[must_use]
    pub fn literally(mut self) -> Self {
        self.arguments.push("-nr".to_owned());
        self
    }

    /// Keeps the messages, for [`Sipp::succeed_with_trace`].
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.arguments.extend(["-trace_msg", "-message_file", "messages"].map(str::to_owned));
        self
    }

    /// Runs so many calls, at so many a second, with the Call-IDs `<name>-1` onwards.
    #[must_use]
    pub fn calls(mut self, calls: u32, per_second: u32) -> Self {
        self.calls = calls;
        self.patience += Duration::from_secs((calls / per_second.max(1)).into());
        self.arguments.extend(
            ["-r", &per_second.to_string(), "-cid_str", &format!("{}-%u", self.name)]
                .map(str::to_owned),
        );
        self
    }

    /// Starts as a callee, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When SIPp is not there; `cargo xtask test` installs it.
    pub fn listen(self) -> Sipp {
        let port = self.port;
        let is_udp = self.transport.starts_with('u');
        let sipp = self.start(&[]);
        let tables = if is_udp { ["udp", "udp6"] } else { ["tcp", "tcp6"] };
        wait::until("SIPp to listen", || {
            tables.iter().any(|t| ports::is_bound(t, port)).then_some(())
        });
        sipp
    }

    /// Starts as a caller of `user` at the switch's port.
    ///
    /// # Panics
    ///
    /// When SIPp is not there; `cargo xtask test` installs it.
    pub fn call(self, sip_port: u16, user: &str) -> Sipp {
        let at: std::net::IpAddr = self.address.parse().expect("an address");
        let ours = std::net::SocketAddr::new(at, sip_port).to_string();
        let remote = self.remote.map_or(ours, str::to_owned);
        self.start(&[&remote, "-s", user])
    }

    fn start(self, arguments: &[&str]) -> Sipp {
        // The small ones, one race each, have a folder of their own.
        let folders = ["sipp", "scenarios"].map(|folder| peers::here().join(folder));
        let sources = folders.map(|folder| folder.join(self.name).with_extension("xml"));
        let source = sources.iter().find(|source| source.exists()).unwrap_or(&sources[0]);
        let mut text = fs::read_to_string(source)
            .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        for (key, value) in COMMON {
            text = text.replace(&format!("@{key}@"), value);
        }
        if text.contains("assign_to=\"from\"") {
            // SIPp takes a variable that is never read for a mistake.
            text = text
                .replace("</scenario>", "<Reference variables=\"via,cseq,from,to\"/>\n</scenario>");
        }
        for (key, value) in &self.values {
            text = text.replace(&format!("@{key}@"), value);
        }
        text = text
            .replace("@FROM@", "1000")
            .replace("@SUBJECT@", "interop")
            .replace("@DOMAIN@", "[remote_ip]");
        let folder = self.folder.join(format!("{}-{}", self.name, self.port));
        fs::create_dir_all(&folder).expect("a folder for SIPp");
        fs::write(folder.join("scenario.xml"), text).expect("a scenario file");
        let output = fs::File::create(folder.join("output")).expect("an output file");
        let process = Command::new("sipp")
            .args(arguments)
            .args([
                "-sf",
                "scenario.xml",
                "-i",
                self.address,
                "-mi",
                self.address,
                "-t",
                self.transport,
                "-max_socket",
                "1000",
                "-nostdin",
                "-trace_err",
                "-error_file",
                "errors",
            ])
            .args(["-p", &self.port.to_string(), "-m", &self.calls.to_string()])
            .args(["-timeout", &self.patience.as_secs().to_string(), "-timeout_error"])
            .args(&self.arguments)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("sipp starts; `cargo xtask test` installs it");
        Sipp { port: self.port, name: self.name.to_owned(), folder, process }
    }
}

impl Sipp {
    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits until every call of the scenario has gone as it is written.
    ///
    /// # Panics
    ///
    /// When one did not; with what SIPp says of it.
    #[track_caller]
    pub fn succeed(mut self) {
        // SIPp ends by itself after its own timeout.
        let status = self.process.wait().expect("the state of a child");
        assert!(status.success(), "SIPp's {} failed, {status}:\n{}", self.name, self.account());
    }

    /// As [`Self::succeed`], and gives the messages of a scenario that is traced.
    ///
    /// # Panics
    ///
    /// When a call did not go as written.
    #[track_caller]
    pub fn succeed_with_trace(self) -> String {
        let messages = self.folder.join("messages");
        self.succeed();
        fs::read_to_string(messages).expect("the scenario is traced")
    }

    /// The messages so far of a scenario that is traced.
    pub fn trace(&self) -> String {
        // The file begins with the first message.
        fs::read_to_string(self.folder.join("messages")).unwrap_or_default()
    }

    /// Waits for the end, whatever it is.
    pub fn end(mut self) -> ExitStatus {
        self.process.wait().expect("the state of a child")
    }

    /// The first of what went wrong, since the rest comes of it; or the last of what SIPp says otherwise.
    fn account(&self) -> String {
        let errors = fs::read_to_string(self.folder.join("errors")).unwrap_or_default();
        let first: Vec<&str> = errors.lines().take(LINES_SHOWN).collect();
        if first.is_empty() {
            tail(&self.folder.join("output"), LINES_SHOWN)
        } else {
            first.join("\n")
        }
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.process.kill();
            let _ = self.process.wait();
            if thread::panicking() {
                eprintln!("--- SIPp's {} was still running:\n{}", self.name, self.account());
            }
        }
    }
}

/// Runs each pair, caller and callee, as one call, all at once; each callee is a user of its own. `talk` milliseconds of talk.
///
/// # Panics
/// When one of them fails.
#[track_caller]
pub fn all_succeed(switch: &crate::Switch, pairs: &[(&str, &str)], talk: u32) {
    let mut running = Vec::new();
    for (n, (caller, callee)) in pairs.iter().enumerate() {
        let user = format!("2{n:03}");
        let called = Scenario::new(callee, switch.folder()).value("RING", 50).listen();
        Scenario::new("register", switch.folder())
            .value("USER", &user)
            .value("CONTACT", called.port)
            .value("EXPIRES", 3600)
            .call(switch.sip_port, &user)
            .succeed();
        let caller = Scenario::new(caller, switch.folder()).value("TALK", talk);
        running.push((caller.call(switch.sip_port, &user), called));
    }
    for (caller, called) in running {
        caller.succeed();
        called.succeed();
    }
}

//! The mark of what the switch sends, as it arrives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use jackfield_interop::Switch;

/// Asks the switch with an OPTIONS and prints the type-of-service byte of its answer.
const ASK: &str = r#"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(20)
s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
here = "127.0.0.1:%d" % s.getsockname()[1]
lines = ["OPTIONS sip:127.0.0.1 SIP/2.0", "Via: SIP/2.0/UDP " + here + ";branch=z9hG4bKtos", "From: <sip:a@b>;tag=1",
         "To: <sip:127.0.0.1>", "Call-ID: tos", "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", ""]
s.sendto("\r\n".join(lines).encode(), ("127.0.0.1", int(sys.argv[1])))
_, control, _, _ = s.recvmsg(4096, 64)
print([data[0] for _, kind, data in control if kind == socket.IP_TOS][0])
"#;

#[test]
fn datagrams_carry_the_dscp_that_is_set() {
    for (settings, tos) in [(vec![], "96"), (vec!["sip.dscp=40"], "160"), (vec!["sip.dscp=0"], "0")]
    {
        let switch = Switch::start(&settings, &[]);
        let port = switch.sip_port.to_string();
        let asked = Command::new("python3").args(["-c", ASK, &port]).output().expect("python3");
        let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        assert_eq!(said, tos, "{settings:?}: {}", String::from_utf8_lossy(&asked.stderr));
    }
}

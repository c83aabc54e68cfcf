//! A caller with a good clock: places one call after another and writes down how long each took to be answered.
//!
//! `probe PORT USER CALLS PER_SECOND` calls `sip:USER@127.0.0.1:PORT` and prints a line for each call: the microseconds
//! from the INVITE's departure to the 200's arrival, or `failed` and why. SIPp, which makes the load, measures in
//! milliseconds; a switch answers in fractions of one.

use std::{
    env, io,
    net::{Ipv4Addr, UdpSocket},
    process, thread,
    time::{Duration, Instant},
};

/// How long an answer is waited for; nothing is ever sent twice, so that a loss shows.
const PATIENCE: Duration = Duration::from_secs(2);

const SDP: &str = "v=0\r\no=- 40 40 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [port, user, calls, rate] = arguments.as_slice() else {
        return Err(io::Error::other("usage: probe PORT USER CALLS PER_SECOND"));
    };
    let parse = |text: &str| text.parse::<u32>().map_err(|_| io::Error::other(format!("not a number: {text}")));
    let (port, calls, rate) = (parse(port)?, parse(calls)?, parse(rate)?.max(1));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(format!("127.0.0.1:{port}"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let probe = Probe { here: socket.local_addr()?.to_string(), there: format!("127.0.0.1:{port}"), user: user.clone(), socket };
    let interval = Duration::from_secs(1) / rate;
    let begun = Instant::now();
    for number in 0..calls {
        if let Some(wait) = (interval * number).checked_sub(begun.elapsed()) {
            // polls: whether the next call is due
            thread::sleep(wait);
        }
        match probe.call(number) {
            Ok(took) => println!("{}", took.as_micros()),
            Err(why) => println!("failed {why}"),
        }
    }
    Ok(())
}

struct Probe {
    socket: UdpSocket,
    here: String,
    there: String,
    user: String,
}

impl Probe {
    fn call(&self, number: u32) -> Result<Duration, String> {
        let call_id = format!("probe-{}-{number}", process::id());
        let common = |method: &str, cseq: u32| {
            format!(
                "Via: SIP/2.0/UDP {here};branch=z9hG4bK{call_id}{method}\r\nMax-Forwards: 70\r\n\
                 From: <sip:1001@{there}>;tag=p{number}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n",
                here = self.here,
                there = self.there,
            )
        };
        let target = format!("sip:{}@{}", self.user, self.there);
        let invite = format!(
            "INVITE {target} SIP/2.0\r\n{}To: <{target}>\r\nContact: <sip:1001@{}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            common("INVITE", 1),
            self.here,
            SDP.len(),
        );
        let sent = Instant::now();
        self.send(&invite)?;
        let answer = self.final_response(&call_id, "INVITE")?;
        let took = sent.elapsed();
        let request = |method: &str, cseq: u32| {
            let remote = header(&answer, "Contact").and_then(|value| Some(value.split_once('<')?.1.split_once('>')?.0));
            let mut text = format!("{method} {} SIP/2.0\r\n{}", remote.unwrap_or(&target), common(method, cseq));
            let routes: Vec<&str> = headers(&answer, "Record-Route").collect();
            for route in routes.iter().rev() {
                text.push_str(&format!("Route: {route}\r\n"));
            }
            text.push_str(&format!("To: {}\r\nContent-Length: 0\r\n\r\n", header(&answer, "To").unwrap_or_default()));
            text
        };
        self.send(&request("ACK", 1))?;
        self.send(&request("BYE", 2))?;
        self.final_response(&call_id, "BYE")?;
        Ok(took)
    }

    fn send(&self, text: &str) -> Result<(), String> {
        self.socket.send(text.as_bytes()).map(drop).map_err(|error| error.to_string())
    }

    /// The 2xx to our request; a provisional response and what belongs to another call is passed over.
    fn final_response(&self, call_id: &str, method: &str) -> Result<String, String> {
        let mut datagram = [0; 65_535];
        loop {
            let length = self.socket.recv(&mut datagram).map_err(|error| format!("{method}: {error}"))?;
            let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
            let ours = header(&text, "Call-ID") == Some(call_id)
                && header(&text, "CSeq").is_some_and(|value| value.ends_with(method));
            let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
            match status {
                Some(status) if ours && status.starts_with('2') => return Ok(text),
                Some(status) if ours && !status.starts_with('1') => return Err(format!("{method}: {status}")),
                _ => {}
            }
        }
    }
}

fn header<'a>(text: &'a str, name: &'a str) -> Option<&'a str> {
    headers(text, name).next()
}

fn headers<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().take_while(|line| !line.is_empty()).filter_map(move |line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

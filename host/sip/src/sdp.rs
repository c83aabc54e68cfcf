//! Session descriptions (RFC 8866), as far as a switch touches them: addresses, ports, directions. Every other byte passes.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use thiserror::Error;

/// A description, its lines found.
#[derive(Clone, Debug)]
pub struct Sdp<'a> {
    lines: Vec<&'a str>,
    session_connection: Option<IpAddr>,
    session_direction: Direction,
    media: Vec<Media<'a>>,
}

/// One `m=` section.
#[derive(Clone, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`, …
    pub kind: &'a str,
    /// The port; 0 for a stream that is refused.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, …
    pub proto: &'a str,
    /// The formats, as they stand.
    pub formats: &'a str,
    connection: Option<IpAddr>,
    direction: Direction,
    rtcp: Option<SocketAddrOrPort>,
    mux: bool,
    lines: Range<usize>,
}

/// Which way a stream flows, from its sender's view (RFC 3264 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The sender of the description only sends.
    SendOnly,
    /// The sender of the description only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// Why a description cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SdpError {
    /// It is not UTF-8 text that begins with `v=0`.
    #[error("the session description does not begin with v=0")]
    NotSdp,
    /// An `m=` line without its four parts, or with a port that is none.
    #[error("line {line} of the session description is no m= line")]
    Media {
        /// Counted from 1.
        line: usize,
    },
    /// A `c=` line without an address.
    #[error("line {line} of the session description is no c= line")]
    Connection {
        /// Counted from 1.
        line: usize,
    },
    /// More than [`MEDIA_MAX`] `m=` lines, or more than [`LINES_MAX`] lines.
    #[error("the session description is too long")]
    TooLong,
}

/// The most `m=` lines of a description that is read.
pub const MEDIA_MAX: usize = 32;
/// The most lines of a description that is read.
pub const LINES_MAX: usize = 2000;

const UNSPECIFIED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SocketAddrOrPort {
    Addr(SocketAddr),
    Port(u16),
}

impl<'a> Sdp<'a> {
    /// Finds the lines of a description. Line ends may be LF alone.
    ///
    /// # Errors
    /// Only for what must be read to relay the media; unknown lines pass.
    pub fn parse(body: &'a [u8]) -> Result<Self, SdpError> {
        let text = std::str::from_utf8(body).map_err(|_| SdpError::NotSdp)?;
        let lines: Vec<&str> =
            text.lines().map(|l| l.trim_end_matches('\r')).take(LINES_MAX + 1).collect();
        if lines.len() > LINES_MAX {
            return Err(SdpError::TooLong);
        }
        if lines.first() != Some(&"v=0") {
            return Err(SdpError::NotSdp);
        }
        let mut sdp = Self {
            session_connection: None,
            session_direction: Direction::default(),
            media: Vec::new(),
            lines: Vec::new(),
        };
        for (at, line) in lines.iter().enumerate() {
            sdp.take(at, line)?;
        }
        sdp.lines = lines;
        Ok(sdp)
    }

    fn take(&mut self, at: usize, line: &'a str) -> Result<(), SdpError> {
        if let Some(rest) = line.strip_prefix("m=") {
            if self.media.len() >= MEDIA_MAX {
                return Err(SdpError::TooLong);
            }
            let media = media_line(rest, at, self.session_direction);
            self.media.push(media.ok_or(SdpError::Media { line: at + 1 })?);
            return Ok(());
        }
        if let Some(media) = self.media.last_mut() {
            media.lines.end = at + 1;
        }
        if let Some(rest) = line.strip_prefix("c=") {
            let address = connection(rest).ok_or(SdpError::Connection { line: at + 1 })?;
            match self.media.last_mut() {
                Some(media) => media.connection = Some(address),
                None => self.session_connection = Some(address),
            }
        } else if let Some(attribute) = line.strip_prefix("a=") {
            self.attribute(attribute);
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &str) {
        let direction = match attribute {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        };
        match (direction, self.media.last_mut()) {
            (Some(direction), Some(media)) => media.direction = direction,
            (Some(direction), None) => self.session_direction = direction,
            (None, Some(media)) if attribute == "rtcp-mux" => media.mux = true,
            (None, Some(media)) => {
                if let Some(rest) = attribute.strip_prefix("rtcp:") {
                    media.rtcp = rtcp(rest);
                }
            }
            (None, None) => {}
        }
    }

    /// The `m=` sections in order, each with the addresses that count for it.
    pub fn media(&self) -> impl Iterator<Item = Stream<'_, 'a>> {
        self.media.iter().map(|media| Stream { media, session: self.session_connection })
    }

    /// Whether the sender holds the other party (RFC 3264 section 8.4): every stream that is not refused only sends, is
    /// inactive, or has the unspecified address, as older phones do it. A description without a live stream does not hold.
    pub fn is_hold(&self) -> bool {
        let mut live = self.media().filter(|stream| stream.port != 0).peekable();
        live.peek().is_some() && live.all(|stream| stream.holds())
    }

    /// The description with our addresses in the place of the sender's: stream `n` at `ours[n]`, refused (port 0) where that is
    /// `None` or missing. `c=`, the address of `o=`, the port of `m=` and `a=rtcp` are replaced, ICE candidates are left out;
    /// every other byte stays.
    pub fn rewrite(&self, ours: &[Option<SocketAddr>]) -> Vec<u8> {
        let first = ours.iter().flatten().next().map(SocketAddr::ip);
        let mut out =
            String::with_capacity(self.lines.iter().map(|l| l.len() + 2).sum::<usize>() + 64);
        for (at, line) in self.lines.iter().enumerate() {
            let section = self.media.iter().position(|media| media.lines.contains(&at));
            let stream = section.and_then(|n| Some((n, self.media.get(n)?)));
            match stream {
                Some((n, media)) => {
                    let own = ours.get(n).copied().flatten().filter(|_| media.port != 0);
                    rewrite_media_line(&mut out, line, media, own, first);
                }
                None => rewrite_session_line(&mut out, line, first),
            }
        }
        out.into_bytes()
    }
}

/// An `m=` section within its description.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'s, 'a> {
    media: &'s Media<'a>,
    session: Option<IpAddr>,
}

impl<'a> std::ops::Deref for Stream<'_, 'a> {
    type Target = Media<'a>;

    fn deref(&self) -> &Media<'a> {
        self.media
    }
}

impl Stream<'_, '_> {
    /// Where the sender wants its RTP; `None` when the stream is refused or the address says that nothing shall be sent.
    pub fn rtp_addr(&self) -> Option<SocketAddr> {
        let ip = self.media.connection.or(self.session)?;
        (self.media.port != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, self.media.port))
    }

    /// Where the sender wants its RTCP: `a=rtcp` (RFC 3605), the RTP port when muxed, else the next port.
    pub fn rtcp_addr(&self) -> Option<SocketAddr> {
        let rtp = self.rtp_addr()?;
        Some(match self.media.rtcp {
            Some(SocketAddrOrPort::Addr(addr)) => addr,
            Some(SocketAddrOrPort::Port(port)) => SocketAddr::new(rtp.ip(), port),
            None if self.media.mux => rtp,
            None => SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?),
        })
    }

    /// Whether RTP and RTCP share a port (RFC 5761).
    pub fn rtcp_mux(&self) -> bool {
        self.media.mux
    }

    /// The direction that counts: the stream's own, else the session's.
    pub fn direction(&self) -> Direction {
        self.media.direction
    }

    fn holds(&self) -> bool {
        let unspecified =
            self.media.connection.or(self.session).is_some_and(|ip| ip.is_unspecified());
        unspecified || matches!(self.media.direction, Direction::SendOnly | Direction::Inactive)
    }
}

fn media_line(rest: &str, at: usize, direction: Direction) -> Option<Media<'_>> {
    let mut parts = rest.splitn(4, ' ');
    let (kind, port, proto) = (parts.next()?, parts.next()?, parts.next()?);
    let formats = parts.next().unwrap_or_default();
    let port = port.split('/').next()?.parse().ok()?;
    Some(Media {
        kind,
        port,
        proto,
        formats,
        connection: None,
        direction,
        rtcp: None,
        mux: false,
        lines: at..at + 1,
    })
}

/// `IN IP4 192.0.2.1` or `IN IP6 ::1`, a multicast suffix cut off. A name is not resolved: it counts as unspecified.
fn connection(rest: &str) -> Option<IpAddr> {
    let mut parts = rest.split_ascii_whitespace();
    let (net, kind, address) = (parts.next()?, parts.next()?, parts.next()?);
    let address = address.split('/').next().unwrap_or_default();
    match (net, kind) {
        ("IN", "IP4" | "IP6") => Some(address.parse().unwrap_or(UNSPECIFIED)),
        _ => None,
    }
}

fn rtcp(rest: &str) -> Option<SocketAddrOrPort> {
    let (port, address) = rest.split_once(' ').unwrap_or((rest, ""));
    let port = port.trim().parse().ok()?;
    match connection(address) {
        Some(ip) if !ip.is_unspecified() => Some(SocketAddrOrPort::Addr(SocketAddr::new(ip, port))),
        Some(_) | None => Some(SocketAddrOrPort::Port(port)),
    }
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn rewrite_session_line(out: &mut String, line: &str, ours: Option<IpAddr>) {
    let Some(ip) = ours else { return put(out, line) };
    if line.starts_with("c=") {
        put(out, &format!("c=IN {} {ip}", family(ip)));
    } else if let Some(rest) = line.strip_prefix("o=") {
        let parts: Vec<&str> = rest.splitn(4, ' ').collect();
        match parts.as_slice() {
            [user, id, version, _] => {
                put(out, &format!("o={user} {id} {version} IN {} {ip}", family(ip)));
            }
            _ => put(out, line),
        }
    } else if !line.starts_with("a=ice-") {
        put(out, line);
    }
}

fn rewrite_media_line(
    out: &mut String,
    line: &str,
    media: &Media<'_>,
    own: Option<SocketAddr>,
    session: Option<IpAddr>,
) {
    let port = own.map_or(0, |addr| addr.port());
    if line.starts_with("m=") {
        return put(out, &format!("m={} {port} {} {}", media.kind, media.proto, media.formats));
    }
    if line.starts_with("c=") {
        // Hold in the old way keeps its meaning: the unspecified address crosses as it is.
        let held = media.connection.is_some_and(|ip| ip.is_unspecified());
        return match own.map(|addr| addr.ip()).or(session) {
            Some(ip) if !held => put(out, &format!("c=IN {} {ip}", family(ip))),
            Some(_) | None => put(out, line),
        };
    }
    let Some(attribute) = line.strip_prefix("a=") else { return put(out, line) };
    if attribute.starts_with("rtcp:") {
        if let Some(addr) = own {
            let rtcp = if media.mux { addr.port() } else { addr.port().saturating_add(1) };
            put(out, &format!("a=rtcp:{rtcp} IN {} {}", family(addr.ip()), addr.ip()));
        }
    } else if !["candidate:", "end-of-candidates", "remote-candidates:", "ice-"]
        .iter()
        .any(|ice| attribute.starts_with(ice))
    {
        put(out, line);
    }
}

#[cfg(test)]
#[path = "sdp_test.rs"]
mod tests;

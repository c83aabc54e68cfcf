//! Session descriptions (RFC 8866), as far as a switch touches them: addresses, ports, directions. Every other byte passes.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

mod answer;

pub use answer::answer;

/// A description, its lines found.
#[derive(Clone, Debug)]
pub struct Sdp<'a> {
    /// Each with its end.
    lines: Vec<&'a [u8]>,
    session_connection: Option<Connection>,
    session_direction: Direction,
    media: Vec<Media<'a>>,
}

/// The first half of an `o=` line: whose session it is, and which version of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The user name.
    pub user: String,
    /// The session's number.
    pub id: String,
    /// The version of the description.
    pub version: u64,
}

impl Origin {
    /// A description under this origin; its address stays.
    pub fn put_into(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len() + ROOM_FOR_LONGER_ADDRESSES);
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_prefix(b"o=").and_then(address_of_origin) {
                Some(address) => {
                    let Self { user, id, version } = self;
                    out.extend_from_slice(format!("o={user} {id} {version} ").as_bytes());
                    out.extend_from_slice(address);
                }
                None => out.extend_from_slice(line),
            }
        }
        out
    }
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
    connection: Option<Connection>,
    direction: Direction,
    rtcp: Option<SocketAddrOrPort>,
    mux: bool,
    /// The place of its `m=` line.
    begin: usize,
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
    /// It does not begin with `v=0`.
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

/// What a `c=` line names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    Address(IpAddr),
    /// A host name. It is not resolved: where its media comes from is learned from the media.
    Name,
}

impl Connection {
    fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) => Some(ip),
            Self::Name => None,
        }
    }

    /// The unspecified address: nothing shall be sent (RFC 3264 section 8.4, as RFC 2543 had it).
    fn holds(self) -> bool {
        self.address().is_some_and(|ip| ip.is_unspecified())
    }
}

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
        let lines: Vec<&[u8]> =
            body.split_inclusive(|byte| *byte == b'\n').take(LINES_MAX + 1).collect();
        if lines.len() > LINES_MAX {
            return Err(SdpError::TooLong);
        }
        if lines.first().map(|line| content(line)) != Some(b"v=0") {
            return Err(SdpError::NotSdp);
        }
        let mut sdp = Self {
            session_connection: None,
            session_direction: Direction::default(),
            media: Vec::new(),
            lines: Vec::new(),
        };
        for (at, line) in lines.iter().enumerate() {
            sdp.take(at, content(line))?;
        }
        sdp.lines = lines;
        Ok(sdp)
    }

    fn take(&mut self, at: usize, line: &'a [u8]) -> Result<(), SdpError> {
        if let Some(rest) = line.strip_prefix(b"m=") {
            if self.media.len() >= MEDIA_MAX {
                return Err(SdpError::TooLong);
            }
            let rest = std::str::from_utf8(rest).ok();
            let media = rest.and_then(|rest| media_line(rest, at, self.session_direction));
            self.media.push(media.ok_or(SdpError::Media { line: at + 1 })?);
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix(b"c=") {
            let connection = std::str::from_utf8(rest).ok().and_then(connection);
            let connection = connection.ok_or(SdpError::Connection { line: at + 1 })?;
            match self.media.last_mut() {
                Some(media) => media.connection = Some(connection),
                None => self.session_connection = Some(connection),
            }
        } else if let Some(attribute) = line.strip_prefix(b"a=") {
            self.attribute(std::str::from_utf8(attribute).unwrap_or_default().trim_end());
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

    /// The origin (RFC 8866 section 5.2); `None` when its line is missing or cannot be read.
    pub fn origin(&self) -> Option<Origin> {
        let line = self.lines.iter().find_map(|line| content(line).strip_prefix(b"o="))?;
        let mut parts = std::str::from_utf8(line).ok()?.split(' ');
        let (user, id, version) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Origin { user: user.to_owned(), id: id.to_owned(), version: version.parse().ok()? })
    }

    /// The description with every stream open both ways: what the sender would say if it were not held.
    pub fn resumed(&self) -> Vec<u8> {
        let directions: [&[u8]; 3] = [b"a=sendonly", b"a=recvonly", b"a=inactive"];
        let kept = self.lines.iter().filter(|line| !directions.contains(&content(line)));
        kept.copied().flatten().copied().collect()
    }

    /// The description with no stream open in any direction (RFC 3264 section 8.4), so that who is told it neither sends nor hears.
    pub fn inactive(&self) -> Vec<u8> {
        const INACTIVE: &[u8] = b"a=inactive\r\n";
        let directions: [&[u8]; 4] = [b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive"];
        let mut out = Vec::new();
        let mut streams = 0;
        for line in self.lines.iter().filter(|line| !directions.contains(&content(line))) {
            if line.starts_with(b"m=") {
                // At the end of the stream before.
                out.extend_from_slice(if streams > 0 { INACTIVE } else { b"" });
                streams += 1;
            }
            out.extend_from_slice(line);
        }
        if !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(if streams > 0 { INACTIVE } else { b"" });
        out
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
        let length: usize = self.lines.iter().map(|line| line.len()).sum();
        let mut out = Vec::with_capacity(length + ROOM_FOR_LONGER_ADDRESSES);
        let mut media = self.media.iter().enumerate().peekable();
        let mut current = None;
        for (at, line) in self.lines.iter().enumerate() {
            if let Some(entered) = media.next_if(|(_, media)| media.begin == at) {
                current = Some(entered);
            }
            match current {
                Some((n, media)) => {
                    let own = ours.get(n).copied().flatten().filter(|_| media.port != 0);
                    rewrite_media_line(&mut out, line, media, own, first);
                }
                None => {
                    let held = self.session_connection.is_some_and(Connection::holds);
                    rewrite_session_line(&mut out, line, held, first);
                }
            }
        }
        out
    }
}

/// More bytes than the description had, for which there is room at once.
const ROOM_FOR_LONGER_ADDRESSES: usize = 64;

/// An `m=` section within its description.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'s, 'a> {
    media: &'s Media<'a>,
    session: Option<Connection>,
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
        let ip = self.media.connection.or(self.session)?.address()?;
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
        let unspecified = self.media.connection.or(self.session).is_some_and(Connection::holds);
        unspecified || matches!(self.media.direction, Direction::SendOnly | Direction::Inactive)
    }
}

fn media_line(rest: &str, at: usize, direction: Direction) -> Option<Media<'_>> {
    let mut parts = rest.splitn(4, ' ');
    let (kind, port, proto) = (parts.next()?, parts.next()?, parts.next()?);
    let formats = parts.next().unwrap_or_default();
    let port = port.split('/').next()?.parse().ok()?;
    // Anything else could not be told from white space or a line end once it is written back.
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    (is_word(kind) && is_word(proto)).then_some(Media {
        kind,
        port,
        proto,
        formats,
        connection: None,
        direction,
        rtcp: None,
        mux: false,
        begin: at,
    })
}

/// `IN IP4 192.0.2.1` or `IN IP6 ::1`, a multicast suffix cut off.
fn connection(rest: &str) -> Option<Connection> {
    let mut parts = rest.split_ascii_whitespace();
    let (net, kind, address) = (parts.next()?, parts.next()?, parts.next()?);
    let address = address.split('/').next().unwrap_or_default();
    match (net, kind) {
        ("IN", "IP4" | "IP6") => {
            Some(address.parse().map_or(Connection::Name, Connection::Address))
        }
        _ => None,
    }
}

fn rtcp(rest: &str) -> Option<SocketAddrOrPort> {
    let (port, address) = rest.split_once(' ').unwrap_or((rest, ""));
    let port = port.trim().parse().ok()?;
    match connection(address).and_then(Connection::address) {
        Some(ip) if !ip.is_unspecified() => Some(SocketAddrOrPort::Addr(SocketAddr::new(ip, port))),
        Some(_) | None => Some(SocketAddrOrPort::Port(port)),
    }
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Writes `text` in the place of `line`, with the end that line has.
fn replace(out: &mut Vec<u8>, line: &[u8], text: &str) {
    let end = line.get(content(line).len()..).filter(|end| !end.is_empty());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(end.unwrap_or(b"\r\n"));
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn rewrite_session_line(out: &mut Vec<u8>, line: &[u8], held: bool, ours: Option<IpAddr>) {
    let Some(ip) = ours else { return out.extend_from_slice(line) };
    if line.starts_with(b"c=") && !held {
        replace(out, line, &format!("c=IN {} {ip}", family(ip)));
    } else if let Some(origin) = line.strip_prefix(b"o=").and_then(address_of_origin) {
        out.extend_from_slice(line.get(..line.len() - origin.len()).unwrap_or_default());
        replace(out, line, &format!("IN {} {ip}", family(ip)));
    } else if !is_ice(line.strip_prefix(b"a=").unwrap_or_default()) {
        out.extend_from_slice(line);
    }
}

/// Network type, address type and address of an `o=` line: what follows user name, session id and version.
fn address_of_origin(rest: &[u8]) -> Option<&[u8]> {
    rest.splitn(4, |byte| *byte == b' ').nth(3)
}

fn rewrite_media_line(
    out: &mut Vec<u8>,
    line: &[u8],
    media: &Media<'_>,
    own: Option<SocketAddr>,
    session: Option<IpAddr>,
) {
    if line.starts_with(b"m=") {
        let port = own.map_or(0, |addr| addr.port());
        let (kind, proto, formats) = (media.kind, media.proto, media.formats);
        let space = if formats.is_empty() { "" } else { " " };
        return replace(out, line, &format!("m={kind} {port} {proto}{space}{formats}"));
    }
    if line.starts_with(b"c=") {
        // Hold in the old way keeps its meaning: the unspecified address crosses as it is.
        let held = media.connection.is_some_and(Connection::holds);
        return match own.map(|addr| addr.ip()).or(session) {
            Some(ip) if !held => replace(out, line, &format!("c=IN {} {ip}", family(ip))),
            Some(_) | None => out.extend_from_slice(line),
        };
    }
    let attribute = line.strip_prefix(b"a=").unwrap_or_default();
    if attribute.starts_with(b"rtcp:") {
        if let Some(addr) = own {
            let rtcp = if media.mux { addr.port() } else { addr.port().saturating_add(1) };
            replace(out, line, &format!("a=rtcp:{rtcp} IN {} {}", family(addr.ip()), addr.ip()));
        }
    } else if !is_ice(attribute) {
        out.extend_from_slice(line);
    }
}

/// Whether an attribute is of ICE (RFC 8839): it is about addresses of the sender, which the other side does not reach.
fn is_ice(attribute: &[u8]) -> bool {
    let names: [&[u8]; 4] = [b"candidate:", b"end-of-candidates", b"remote-candidates:", b"ice-"];
    names.iter().any(|name| attribute.starts_with(name))
}

#[cfg(test)]
#[path = "sdp_test.rs"]
mod tests;

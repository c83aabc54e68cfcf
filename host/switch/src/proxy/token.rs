//! A flow as the user part of a Record-Route URI of ours (RFC 5626 section 5.1): how a phone behind NAT, or on a connection it made, is
//! reached by the requests of its call.

use std::{
    hash::Hasher as _,
    net::{IpAddr, SocketAddr},
};

use siphasher::sip::SipHasher24;

use model::{Flow, ListenerId, Transport};

use crate::Config;

const TRANSPORTS: [(char, Transport); 5] = [
    ('u', Transport::Udp),
    ('t', Transport::Tcp),
    ('s', Transport::Tls),
    ('w', Transport::Ws),
    ('x', Transport::Wss),
];

/// The token of a flow: the transport, then the listener, the port and the address in hexadecimal digits.
pub(super) fn token(flow: Flow) -> String {
    let letter = TRANSPORTS.iter().find(|(_, transport)| *transport == flow.transport);
    let letter = letter.map_or('u', |(letter, _)| *letter);
    let (listener, port) = (flow.listener.0, flow.peer.port());
    match flow.peer.ip() {
        IpAddr::V4(ip) => format!("{letter}{listener:04x}{port:04x}{:08x}", u32::from(ip)),
        IpAddr::V6(ip) => format!("{letter}{listener:04x}{port:04x}{:032x}", u128::from(ip)),
    }
}

/// The flow of a token; `None` when it is none, or its listener is no more.
pub(super) fn flow(config: &Config, token: &str) -> Option<Flow> {
    let letter = token.chars().next()?;
    let (_, transport) = TRANSPORTS.iter().find(|(known, _)| *known == letter)?;
    let hex = |from: usize, to: usize| token.get(from..to);
    // What is read below would take a sign as well.
    if !token.bytes().skip(1).all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let listener = ListenerId(u16::from_str_radix(hex(1, 5)?, 16).ok()?);
    let port = u16::from_str_radix(hex(5, 9)?, 16).ok()?;
    let ip = token.get(9..)?;
    let ip: IpAddr = match ip.len() {
        8 => IpAddr::V4(u32::from_str_radix(ip, 16).ok()?.into()),
        32 => IpAddr::V6(u128::from_str_radix(ip, 16).ok()?.into()),
        _ => return None,
    };
    let known = config.listeners.get(usize::from(listener.0))?;
    let peer = SocketAddr::new(ip, port);
    let fits = known.transport == *transport && known.advertised.is_ipv4() == peer.is_ipv4();
    fits.then_some(Flow { transport: *transport, listener, peer })
}

/// Hexadecimal digits of a proof.
const PROOF_DIGITS: usize = 16;

/// The user part of a Record-Route of ours: the token, if there is one, and the proof that it was written here for this call
/// (RFC 5626 section 5.1). Without a key it is the token alone.
pub(super) fn sign(key: Option<[u8; 16]>, call_id: &str, token: String) -> String {
    match key {
        Some(key) => format!("{token}.{:0PROOF_DIGITS$x}", proof(key, call_id, &token)),
        None => token,
    }
}

/// The token of a user part that we wrote for this call; `None` when we did not. Without a key everything counts.
pub(super) fn signed<'a>(key: Option<[u8; 16]>, call_id: &str, user: &'a str) -> Option<&'a str> {
    let Some(key) = key else { return Some(user) };
    let (token, said) = user.split_once('.')?;
    // `from_str_radix` takes a sign; and numbers are compared in the same time whatever they are.
    let is_proof =
        said.len() == PROOF_DIGITS && said.bytes().all(|digit| digit.is_ascii_hexdigit());
    let said = is_proof.then(|| u64::from_str_radix(said, 16).ok()).flatten()?;
    (said == proof(key, call_id, token)).then_some(token)
}

fn proof(key: [u8; 16], call_id: &str, token: &str) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key);
    hasher.write(call_id.as_bytes());
    // No Call-ID has an octet that is no text.
    hasher.write_u8(0xff);
    hasher.write(token.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_not_written_here_for_this_call_is_not_ours() {
        let key = Some([7; 16]);
        let user = sign(key, "call", "u00009c40cb007107".to_owned());
        assert_eq!(user.len(), "u00009c40cb007107".len() + 17);
        assert_eq!(signed(key, "call", &user), Some("u00009c40cb007107"));
        let none = sign(key, "call", String::new());
        assert_eq!(signed(key, "call", &none), Some(""));
        let moved = user.replacen("cb007107", "cb007108", 1);
        for (key, call, user) in [
            (key, "other", user.as_str()),
            (Some([8; 16]), "call", &user),
            (key, "call", &moved),
            (key, "call", "u00009c40cb007107"),
            (key, "call", ""),
        ] {
            assert_eq!(signed(key, call, user), None, "{call} {user}");
        }
        assert_eq!(signed(None, "call", "anything"), Some("anything"));
        assert_eq!(sign(None, "call", String::new()), "");
    }

    use super::*;
    use crate::{Listener, trunk::bench::Bench};

    #[test]
    fn a_flow_comes_back_from_its_token_and_nothing_else_does() {
        let mut config = Bench::config(Vec::new(), None);
        let listener = |transport, advertised: &str| Listener {
            name: String::new(),
            transport,
            advertised: advertised.parse().unwrap_or_else(|_| ([0; 4], 0).into()),
        };
        config.listeners.push(listener(Transport::Tls, "[2001:db8::1]:5061"));
        for (transport, number, peer) in
            [(Transport::Udp, 0, "203.0.113.7:40000"), (Transport::Tls, 1, "[2001:db8::9]:5061")]
        {
            let Ok(peer) = peer.parse() else { continue };
            let one = Flow { transport, listener: ListenerId(number), peer };
            assert_eq!(flow(&config, &token(one)), Some(one));
        }
        let udp = "u00009c40cb007107";
        assert_eq!(flow(&config, udp).map(|flow| flow.peer.port()), Some(40_000));
        for wrong in [
            "",
            "u",
            "2000",
            "t00009c40cb007107",
            "u00099c40cb007107",
            "u00009c40cb0071",
            "u00009c40+b007107",
        ] {
            assert_eq!(flow(&config, wrong), None, "{wrong}");
        }
        assert_eq!(flow(&config, &udp.replace("cb007107", &"0".repeat(32))), None);
    }
}

use std::{fmt, net::IpAddr, str::FromStr};

/// Addresses that begin alike: `192.0.2.0/24`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network; write an IP address, or one with the length of its prefix such as 192.0.2.0/24"
)]
pub struct NetworkError(String);

impl Network {
    /// Whether an address is one of these; an IPv4 address is the same when it is written as an IPv6 one.
    pub fn holds(&self, ip: IpAddr) -> bool {
        match (self.ip.to_canonical(), ip.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(ip)) => {
                same(ours.to_bits().into(), ip.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(ip)) => {
                same(ours.to_bits(), ip.to_bits(), 128, self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// How many bits must be the same: the more, the fewer addresses.
    pub const fn bits(&self) -> u8 {
        self.bits
    }
}

fn same(ours: u128, theirs: u128, width: u8, bits: u8) -> bool {
    let rest = u32::from(width.saturating_sub(bits));
    (ours ^ theirs).checked_shr(rest).unwrap_or(0) == 0
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        Self { ip, bits: if ip.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let whole = Self::from(address.parse::<IpAddr>().map_err(|_| error())?);
        let bits = bits.map_or(Ok(whole.bits), str::parse).map_err(|_| error())?;
        if bits > whole.bits { Err(error()) } else { Ok(Self { bits, ..whole }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn holds(network: &str, ip: &str) -> bool {
        network.parse::<Network>().unwrap().holds(ip.parse().unwrap())
    }

    #[test]
    fn a_prefix_holds_what_begins_like_it() {
        assert!(holds("192.0.2.0/24", "192.0.2.255") && !holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
    }

    #[test]
    fn other_texts_are_none() {
        for wrong in ["", "carrier.example", "192.0.2.0/33", "192.0.2.0/", "2001:db8::/129", "/8"] {
            wrong.parse::<Network>().unwrap_err();
        }
    }
}

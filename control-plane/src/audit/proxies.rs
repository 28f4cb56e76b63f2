//! Reverse proxies whose word is taken for where a request came from.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// The networks and single addresses of the platform's own reverse proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// The client of a request that came from `peer`, by the values of its `X-Forwarded-For` headers. Every proxy adds
    /// behind what it was sent, so this reads from the end, for as long as proxies of ours speak.
    pub(super) fn client<'a>(&self, peer: IpAddr, said: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer;
        for hop in said.rev().flat_map(|value| value.rsplit(',')) {
            if !self.trust(client) {
                break;
            }
            // What can't be read is nobody's address, and what stands before it is nobody's word.
            let Some(address) = address(hop.trim()) else { break };
            client = address;
        }
        client
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

/// Some proxies add the port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = plain.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// The addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let unlike = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(own.to_bits() ^ other.to_bits()) << 96,
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        unlike.leading_zeros() >= u32::from(self.bits)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} must be an IP address or a network, like 10.0.0.0/8 or fd00::/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl TryFrom<Vec<String>> for TrustedProxies {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        // An empty environment variable is a list of one empty text.
        let given = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        given.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl From<TrustedProxies> for Vec<String> {
    fn from(proxies: TrustedProxies) -> Self {
        proxies.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusting(networks: &[&str]) -> Result<TrustedProxies, String> {
        networks.iter().map(|&text| text.to_owned()).collect::<Vec<_>>().try_into()
    }

    fn client(networks: &[&str], peer: &str, said: &[&str]) -> String {
        trusting(networks).unwrap().client(peer.parse().unwrap(), said.iter().copied()).to_string()
    }

    #[test]
    fn a_stranger_speaks_for_nobody() {
        assert_eq!(client(&[], "192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        // What a stranger forged stands before what our proxy added.
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["10.9.9.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7", "192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn proxies_stand_in_a_chain() {
        let both = ["10.0.0.0/8", "203.0.113.5"];
        assert_eq!(client(&both, "10.0.0.1", &["192.0.2.1, 203.0.113.5,10.0.0.2"]), "192.0.2.1");
        assert_eq!(client(&both, "10.0.0.1", &["192.0.2.1", "203.0.113.5"]), "192.0.2.1");
        assert_eq!(client(&both, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client(&both, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn both_kinds_of_addresses_are_read() {
        assert_eq!(client(&["fd00::/8"], "fd00::1", &["2001:db8::9"]), "2001:db8::9");
        assert_eq!(client(&["fd00::/8"], "fd00::1", &["[2001:db8::9]:443"]), "2001:db8::9");
        assert_eq!(client(&["fd00::/8"], "fd00::1", &["[2001:db8::9]"]), "2001:db8::9");
        assert_eq!(client(&["::1"], "::1", &["192.0.2.1:443"]), "192.0.2.1");
        assert_eq!(client(&["::1"], "::1", &["::ffff:192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["::/0"], "192.0.2.1", &["192.0.2.2"]), "192.0.2.1");
        assert_eq!(client(&["0.0.0.0/0", "::/0"], "192.0.2.1", &["::9, 192.0.2.2"]), "::9");
    }

    #[test]
    fn garbage_ends_the_chain() {
        for garbage in ["", "unknown", "192.0.2", "1.2.3.4.5", "\u{fffd}", ",,", "[::1", "host:80"] {
            assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["192.0.2.1", garbage]), "10.0.0.1", "{garbage}");
        }
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["192.0.2.1, x, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn networks_are_checked() {
        let shown = |networks: &[&str]| trusting(networks).map(Vec::<String>::from);
        assert_eq!(shown(&[" 10.0.0.1 ", "fd00::/8", ""]).unwrap(), ["10.0.0.1/32", "fd00::/8"]);
        for wrong in ["proxy", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8", "10.0.0.1,10.0.0.2"] {
            assert!(shown(&[wrong]).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}

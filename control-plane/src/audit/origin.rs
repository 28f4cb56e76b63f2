//! Where a request came from.

use std::net::IpAddr;

use actix_web::HttpRequest;
use tenancy::{http::request_id, ids::RequestId};

/// Where a request came from, as the log keeps it and as limits count it.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The request's id in logs.
    pub request: Option<RequestId>,
}

impl Origin {
    /// Where this request came from.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        Self { address: client_address(request), request: request_id(request) }
    }

    /// The name under which limits count this client. An IPv6 client has 2^64 addresses, and counts as one.
    #[must_use]
    pub fn network(&self) -> String {
        match self.address {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            None => "unknown".to_owned(),
        }
    }
}

/// The client's address: the peer of the connection, because a header can be forged.
#[must_use]
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_client_is_one_network() {
        let network = |text: &str| Origin { address: Some(text.parse().unwrap()), request: None }.network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}

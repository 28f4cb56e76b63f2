//! Where a request came from.

use std::net::IpAddr;

use actix_web::{HttpRequest, web::Data};
use tenancy::{http::request_id, ids::RequestId};

use super::TrustedProxies;

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

/// The client's address: the peer of the connection, or whom a trusted proxy speaks for. Anybody else can forge the
/// header.
fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let Some(proxies) = request.app_data::<Data<TrustedProxies>>() else { return Some(peer) };
    let said = request.headers().get_all("X-Forwarded-For").map(|value| value.to_str().unwrap_or_default());
    Some(proxies.client(peer, said))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_trusted_peer_speaks_for_others() {
        let address = |peer: &str, trusted: &[&str]| {
            let proxies = TrustedProxies::try_from(trusted.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
            let request = TestRequest::default()
                .peer_addr(format!("{peer}:1234").parse().unwrap())
                .insert_header(("X-Forwarded-For", "192.0.2.1, 192.0.2.2"))
                .app_data(Data::new(proxies.unwrap()))
                .to_http_request();
            client_address(&request).unwrap().to_string()
        };
        assert_eq!(address("198.51.100.7", &[]), "198.51.100.7");
        assert_eq!(address("198.51.100.7", &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(address("10.1.2.3", &["10.0.0.0/8"]), "192.0.2.2");
        assert_eq!(address("[::ffff:10.1.2.3]", &["10.0.0.0/8", "192.0.2.2"]), "192.0.2.1");
    }

    #[test]
    fn one_ipv6_client_is_one_network() {
        let network = |text: &str| Origin { address: Some(text.parse().unwrap()), request: None }.network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}

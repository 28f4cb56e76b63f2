//! The port that the server listens on.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use super::{ClusterError, home::Home};

/// Below the ports that systems give to outgoing connections (from 32768 on Linux). A client that
/// keeps trying to reach a stopped server on one of those in time connects to itself, and then
/// holds the port against the server.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: u16 = 200;

/// The wanted port, or the one of last time, or any that is free.
pub(super) fn choose(wanted: Option<u16>, home: &Home) -> Result<u16, ClusterError> {
    if let Some(port) = wanted {
        return match listen(port) {
            Ok(()) => Ok(port),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ClusterError::PortInUse { port }),
            Err(source) => Err(ClusterError::Io {
                doing: "listen on",
                path: Path::new(&format!("127.0.0.1:{port}")).into(),
                source,
            }),
        };
    }
    home.last_port().filter(|port| listen(*port).is_ok()).map_or_else(any, Ok)
}

fn any() -> Result<u16, ClusterError> {
    let start = getrandom::u32().unwrap_or_else(|_| std::process::id());
    let size = u32::from(RANGE.end - RANGE.start);
    (0..ATTEMPTS)
        .filter_map(|step| u16::try_from(start.wrapping_add(u32::from(step) * 61) % size).ok())
        .map(|offset| RANGE.start + offset)
        .find(|port| listen(*port).is_ok())
        .ok_or(ClusterError::NoFreePort)
}

fn listen(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ports_that_are_free_and_not_for_outgoing_connections() {
        for _ in 0..20 {
            assert!(any().is_ok_and(|port| RANGE.contains(&port) && listen(port).is_ok()));
        }
    }
}

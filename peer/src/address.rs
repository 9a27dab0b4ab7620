//! Where a peer can be reached: `host:port`, where host is a name or an IP address (IPv6 in brackets).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// BOLT 1 gives Lightning this TCP port.
const DEFAULT_PORT: u16 = 9735;

/// A host and a port, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress {
    host: String,
    port: u16,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing before the port.
    #[error("an address needs a host: HOST:PORT")]
    NoHost,
    /// Not a number from 1 to 65535.
    #[error("{got:?} is no port: a number from 1 to 65535 is expected")]
    Port {
        /// What stood there.
        got: String,
    },
    /// Characters that no host name has.
    #[error("{got:?} is no host name or IP address")]
    Host {
        /// What stood there.
        got: String,
    },
}

impl PeerAddress {
    /// An address whose host is known by its IP.
    pub fn from_socket(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }

    /// The addresses that the host has now.
    ///
    /// # Errors
    /// What the system's resolver says; an empty answer too.
    pub(crate) async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await?
            .collect();
        if found.is_empty() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "the host name has no address",
            ));
        }
        Ok(found)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split(text)?;
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        let is_ip = host.parse::<IpAddr>().is_ok();
        let is_name = host.len() <= 253
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
        if !is_ip && !is_name {
            return Err(AddressError::Host {
                got: host.to_owned(),
            });
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Host and port; 9735 where no port is given.
fn split(text: &str) -> Result<(&str, u16), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let bad = || AddressError::Host {
            got: text.to_owned(),
        };
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad())?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, parse_port(port)?)),
            None if rest.is_empty() => Ok((host, DEFAULT_PORT)),
            None => Err(bad()),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, DEFAULT_PORT));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Ok((host, parse_port(port)?)),
        None => Ok((text, DEFAULT_PORT)),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(AddressError::Port {
            got: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, PeerAddress};

    #[test]
    fn address_valid_texts_round_trip() {
        for (text, shown) in [
            ("127.0.0.1:9780", "127.0.0.1:9780"),
            ("hub.example", "hub.example:9735"),
            ("hub.example:1", "hub.example:1"),
            ("[::1]:9735", "[::1]:9735"),
            ("::1", "[::1]:9735"),
            ("[2001:db8::1]", "[2001:db8::1]:9735"),
        ] {
            let parsed: PeerAddress = text.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(shown.parse::<PeerAddress>().unwrap(), parsed);
        }
    }

    #[test]
    fn address_invalid_texts_are_refused() {
        assert_eq!("".parse::<PeerAddress>(), Err(AddressError::NoHost));
        assert_eq!(":9735".parse::<PeerAddress>(), Err(AddressError::NoHost));
        for text in ["h:0", "h:65536", "h:", "h:x", "[::1]:"] {
            assert!(matches!(
                text.parse::<PeerAddress>(),
                Err(AddressError::Port { .. })
            ));
        }
        for text in ["a b:1", "[x]:1", "[::1", "[::1]x", "a/b", "é:1"] {
            assert!(
                matches!(text.parse::<PeerAddress>(), Err(AddressError::Host { .. })),
                "{text}"
            );
        }
    }
}

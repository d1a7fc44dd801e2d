//! A network: an address and how many of its bits name it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::admission::masked;

/// `192.0.2.0/24`, `2001:db8::/32`, or one address. IPv4 written as IPv6 counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix, self.prefix) == self.address
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| "is no address or network")?;
        let bits = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| "is no address or network")?,
            None => bits(written),
        };
        if prefix > bits(written) {
            return Err("has more bits than an address");
        }
        let address = written.to_canonical();
        // An IPv4 network in IPv6 clothes is 96 bits longer.
        let prefix = if address.is_ipv4() { (prefix + 32).checked_sub(bits(written)) } else { Some(prefix) };
        let prefix = prefix.ok_or("is wider than the IPv4 addresses among IPv6")?;
        if masked(address, prefix, prefix) != address {
            return Err("has bits set behind its prefix");
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|reason| serde::de::Error::custom(format!("{text} {reason}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn contains_its_addresses_in_either_clothes() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "2001:db8::1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
            ("2001:db8::/32", "2001:db8:1::", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
    }

    #[test]
    fn is_strict() {
        for text in
            ["", "x", "192.0.2.0/", "192.0.2.0/33", "::/129", "192.0.2.1/24", "1.2.3/8", "::ffff:0.0.0.0/90", "/8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}

//! Who may come in: connections at a time, in all, from one address and from one network.
//!
//! A network is as wide as `limits.network_prefix_v4` and `_v6` say; an IPv4 address written as IPv6 counts as IPv4.
//!
//! A [`Ticket`] is held for as long as a connection lives and gives its place back when dropped, whatever way the
//! connection ended.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::settings::Limits;

/// Counts connections.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
    by_network: HashMap<IpAddr, usize>,
}

/// Why a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `limits.connections`
    Connections,
    /// `limits.connections_per_client`
    ConnectionsPerClient,
    /// `limits.connections_per_network`
    ConnectionsPerNetwork,
}

impl Refusal {
    /// The limit's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerClient => "connections_per_client",
            Self::ConnectionsPerNetwork => "connections_per_network",
        }
    }
}

impl Admission {
    /// Takes a place for a client, or says which limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr, limits: &Limits) -> Result<Ticket, Refusal> {
        let wide = masked(client, limits.network_prefix_v4, limits.network_prefix_v6);
        let client = network(client);
        let mut counts = self.counts.lock();
        if counts.all >= limits.connections {
            return Err(Refusal::Connections);
        }
        if counts.by_client.get(&client).is_some_and(|own| *own >= limits.connections_per_client) {
            return Err(Refusal::ConnectionsPerClient);
        }
        if counts.by_network.get(&wide).is_some_and(|own| *own >= limits.connections_per_network) {
            return Err(Refusal::ConnectionsPerNetwork);
        }
        *counts.by_client.entry(client).or_default() += 1;
        *counts.by_network.entry(wide).or_default() += 1;
        counts.all += 1;
        Ok(Ticket { admission: Arc::clone(self), client, wide })
    }

    /// Connections at the moment.
    pub(crate) fn connections(&self) -> usize {
        self.counts.lock().all
    }
}

/// One connection's place.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    client: IpAddr,
    wide: IpAddr,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.all -= 1;
        give_back(&mut counts.by_client, self.client);
        give_back(&mut counts.by_network, self.wide);
    }
}

fn give_back(counts: &mut HashMap<IpAddr, usize>, key: IpAddr) {
    if let Some(own) = counts.get_mut(&key) {
        *own -= 1;
        if *own == 0 {
            counts.remove(&key);
        }
    }
}

/// The address that stands for a client: one host of IPv4, one /64 of IPv6 (a single host owns at least that much).
pub(crate) fn network(client: IpAddr) -> IpAddr {
    masked(client, 32, 64)
}

/// The first bits of an address, the others zero; more bits than it has are all it has.
fn masked(client: IpAddr, v4: u8, v6: u8) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(v4.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(v6.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    fn limits(connections: usize, connections_per_client: usize) -> Limits {
        Limits { connections, connections_per_client, ..Limits::default() }
    }

    #[test]
    fn gives_every_place_back() {
        let admission = Arc::new(Admission::default());
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let first = admission.admit(here, &limits(3, 2)).unwrap();
        let second = admission.admit(here, &limits(3, 2)).unwrap();
        assert_eq!(admission.admit(here, &limits(3, 2)).unwrap_err(), Refusal::ConnectionsPerClient);
        let other = admission.admit("192.0.2.2".parse().unwrap(), &limits(3, 2)).unwrap();
        assert_eq!(admission.admit("192.0.2.3".parse().unwrap(), &limits(3, 2)).unwrap_err(), Refusal::Connections);
        drop((first, second, other));
        assert_eq!(admission.connections(), 0);
        assert!(admission.counts.lock().by_client.is_empty());
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let admission = Arc::new(Admission::default());
        let _first = admission.admit("2001:db8::1".parse().unwrap(), &limits(9, 1)).unwrap();
        assert!(admission.admit("2001:db8::2".parse().unwrap(), &limits(9, 1)).is_err());
        assert!(admission.admit("2001:db8:0:1::2".parse().unwrap(), &limits(9, 1)).is_ok());
        assert!(admission.admit("::ffff:192.0.2.1".parse().unwrap(), &limits(9, 1)).is_ok());
        assert!(admission.admit("::ffff:192.0.2.2".parse().unwrap(), &limits(9, 1)).is_ok());
    }

    #[test]
    fn a_network_has_its_own_cap() {
        let limits =
            Limits { connections_per_network: 2, network_prefix_v4: 24, network_prefix_v6: 48, ..Limits::default() };
        for (inside, outside) in [
            (["192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3"], "192.0.3.1"),
            (["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"], "2001:db8:1::1"),
        ] {
            let admission = Arc::new(Admission::default());
            let [first, second, third] = inside.map(|address| address.parse().unwrap());
            let places = [admission.admit(first, &limits).unwrap(), admission.admit(second, &limits).unwrap()];
            assert_eq!(admission.admit(third, &limits).unwrap_err(), Refusal::ConnectionsPerNetwork);
            assert!(admission.admit(outside.parse().unwrap(), &limits).is_ok());
            drop(places);
            assert!(admission.counts.lock().by_network.is_empty());
            assert!(admission.admit(third, &limits).is_ok());
        }
    }

    #[test]
    fn any_prefix_is_a_network() {
        let address: IpAddr = "192.0.2.255".parse().unwrap();
        assert_eq!(masked(address, 0, 0), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        assert_eq!(masked(address, 25, 0), "192.0.2.128".parse::<IpAddr>().unwrap());
        assert_eq!(masked(address, 255, 0), address);
        assert_eq!(masked("2001:db8::1".parse().unwrap(), 0, 0), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    }
}

//! Who may come in: connections at a time, in all, on one listener, from one address and from one network.
//!
//! A network is as wide as `limits.network_prefix_v4` and `_v6` say; an IPv4 address written as IPv6 counts as IPv4.
//!
//! A [`Ticket`] is held for as long as a connection lives and gives its place back when dropped, whatever way the
//! connection ended.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use smtpgw_smtp::{Reply, replies};

use crate::settings::Limits;

/// Counts connections.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_listener: HashMap<usize, usize>,
    by_client: HashMap<IpAddr, usize>,
    by_network: HashMap<IpAddr, usize>,
}

/// Why a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `limits.connections`
    Connections,
    /// `limits.connections_per_listener`
    ConnectionsPerListener,
    /// `limits.connections_per_client`
    ConnectionsPerClient,
    /// `limits.connections_per_network`
    ConnectionsPerNetwork,
    /// `limits.memory`: messages under way have it all, and another one would be refused at its MAIL anyway.
    Memory,
}

impl Refusal {
    /// The limit's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerListener => "connections_per_listener",
            Self::ConnectionsPerClient => "connections_per_client",
            Self::ConnectionsPerNetwork => "connections_per_network",
            Self::Memory => "memory",
        }
    }

    /// What the client hears instead of a greeting.
    pub(crate) const fn reply(self) -> Reply {
        match self {
            Self::Memory => replies::OUT_OF_MEMORY,
            Self::Connections
            | Self::ConnectionsPerListener
            | Self::ConnectionsPerClient
            | Self::ConnectionsPerNetwork => replies::TOO_MANY_CONNECTIONS,
        }
    }
}

impl Admission {
    /// Takes a place on a listener, or says which limit is reached. Whom it is for is said by [`Ticket::identify`].
    pub(crate) fn admit(self: &Arc<Self>, listener: usize, limits: &Limits) -> Result<Ticket, Refusal> {
        let mut counts = self.counts.lock();
        if counts.all >= limits.connections {
            return Err(Refusal::Connections);
        }
        let own = counts.by_listener.entry(listener).or_default();
        if *own >= limits.connections_per_listener {
            return Err(Refusal::ConnectionsPerListener);
        }
        *own += 1;
        counts.all += 1;
        Ok(Ticket { admission: Arc::clone(self), listener, client: None })
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
    listener: usize,
    /// What it is counted as, once that is known: address and network.
    client: Option<(IpAddr, IpAddr)>,
}

impl Ticket {
    /// Counts the connection as one of `client`, and no longer as anybody else's; or says which limit is reached, and
    /// then it counts as nobody's. A proxy that we know is not counted itself: it brings many clients.
    pub(crate) fn identify(&mut self, client: IpAddr, limits: &Limits) -> Result<(), Refusal> {
        let wide = masked(client, limits.network_prefix_v4, limits.network_prefix_v6);
        let client = network(client);
        let mut counts = self.admission.counts.lock();
        counts.forget(self.client.take());
        let count = |counts: &HashMap<IpAddr, usize>, key| counts.get(key).copied().unwrap_or_default();
        if count(&counts.by_client, &client) >= limits.connections_per_client {
            return Err(Refusal::ConnectionsPerClient);
        }
        if count(&counts.by_network, &wide) >= limits.connections_per_network {
            return Err(Refusal::ConnectionsPerNetwork);
        }
        *counts.by_client.entry(client).or_default() += 1;
        *counts.by_network.entry(wide).or_default() += 1;
        self.client = Some((client, wide));
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.all -= 1;
        give_back(&mut counts.by_listener, &self.listener);
        counts.forget(self.client.take());
    }
}

impl Counts {
    fn forget(&mut self, client: Option<(IpAddr, IpAddr)>) {
        if let Some((client, wide)) = client {
            give_back(&mut self.by_client, &client);
            give_back(&mut self.by_network, &wide);
        }
    }
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(own) = counts.get_mut(key) {
        *own -= 1;
        if *own == 0 {
            counts.remove(key);
        }
    }
}

/// The address that stands for a client: one host of IPv4, one /64 of IPv6 (a single host owns at least that much).
pub(crate) fn network(client: IpAddr) -> IpAddr {
    masked(client, 32, 64)
}

/// The first bits of an address, the others zero; more bits than it has are all it has.
pub(crate) fn masked(client: IpAddr, v4: u8, v6: u8) -> IpAddr {
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

    /// A place for a client.
    fn enter(admission: &Arc<Admission>, client: &str, limits: &Limits) -> Result<Ticket, Refusal> {
        let mut ticket = admission.admit(0, limits)?;
        ticket.identify(client.parse().unwrap(), limits)?;
        Ok(ticket)
    }

    fn limits(connections: usize, connections_per_client: usize) -> Limits {
        Limits { connections, connections_per_client, ..Limits::default() }
    }

    #[test]
    fn gives_every_place_back() {
        let admission = Arc::new(Admission::default());
        let limits = limits(3, 2);
        let first = enter(&admission, "192.0.2.1", &limits).unwrap();
        let second = enter(&admission, "192.0.2.1", &limits).unwrap();
        assert_eq!(enter(&admission, "192.0.2.1", &limits).unwrap_err(), Refusal::ConnectionsPerClient);
        let other = enter(&admission, "192.0.2.2", &limits).unwrap();
        assert_eq!(enter(&admission, "192.0.2.3", &limits).unwrap_err(), Refusal::Connections);
        drop((first, second, other));
        assert_eq!(admission.connections(), 0);
        let counts = admission.counts.lock();
        assert!(counts.by_client.is_empty() && counts.by_network.is_empty() && counts.by_listener.is_empty());
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let admission = Arc::new(Admission::default());
        let limits = limits(9, 1);
        let _first = enter(&admission, "2001:db8::1", &limits).unwrap();
        assert!(enter(&admission, "2001:db8::2", &limits).is_err());
        assert!(enter(&admission, "2001:db8:0:1::2", &limits).is_ok());
        assert!(enter(&admission, "::ffff:192.0.2.1", &limits).is_ok());
        assert!(enter(&admission, "::ffff:192.0.2.2", &limits).is_ok());
    }

    #[test]
    fn a_listener_has_its_own_cap() {
        let admission = Arc::new(Admission::default());
        let limits = Limits { connections_per_listener: 1, ..Limits::default() };
        let first = admission.admit(0, &limits).unwrap();
        assert_eq!(admission.admit(0, &limits).unwrap_err(), Refusal::ConnectionsPerListener);
        let _second = admission.admit(1, &limits).unwrap();
        drop(first);
        assert!(admission.admit(0, &limits).is_ok());
    }

    #[test]
    fn a_proxy_is_counted_as_its_clients_are() {
        let admission = Arc::new(Admission::default());
        let limits = limits(9, 1);
        // It has as many places as there are, as long as it does not say for whom.
        let mut tickets: Vec<Ticket> = (0..4).map(|_| admission.admit(0, &limits).unwrap()).collect();
        let client = "192.0.2.1".parse().unwrap();
        tickets[0].identify(client, &limits).unwrap();
        assert_eq!(tickets[1].identify(client, &limits).unwrap_err(), Refusal::ConnectionsPerClient);
        // Whoever was refused holds no place, and whoever becomes somebody else gives his back.
        tickets[0].identify("192.0.2.2".parse().unwrap(), &limits).unwrap();
        tickets[1].identify(client, &limits).unwrap();
        drop(tickets);
        let counts = admission.counts.lock();
        assert!(counts.all == 0 && counts.by_client.is_empty() && counts.by_network.is_empty());
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
            let [first, second, third] = inside;
            let places = [enter(&admission, first, &limits).unwrap(), enter(&admission, second, &limits).unwrap()];
            assert_eq!(enter(&admission, third, &limits).unwrap_err(), Refusal::ConnectionsPerNetwork);
            assert!(enter(&admission, outside, &limits).is_ok());
            drop(places);
            assert!(admission.counts.lock().by_network.is_empty());
            assert!(enter(&admission, third, &limits).is_ok());
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

//! Who may come in: connections at a time, in all and from one address.
//!
//! A [`Ticket`] is held for as long as a connection lives and gives its place back when dropped, whatever way the
//! connection ended.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts connections.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// Why a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `limits.connections`
    Connections,
    /// `limits.connections_per_client`
    ConnectionsPerClient,
}

impl Refusal {
    /// The limit's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerClient => "connections_per_client",
        }
    }
}

impl Admission {
    /// Takes a place for a client, or says which limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr, all: usize, per_client: usize) -> Result<Ticket, Refusal> {
        let client = network(client);
        let mut counts = self.counts.lock();
        if counts.all >= all {
            return Err(Refusal::Connections);
        }
        let own = counts.by_client.entry(client).or_default();
        if *own >= per_client {
            return Err(Refusal::ConnectionsPerClient);
        }
        *own += 1;
        counts.all += 1;
        Ok(Ticket { admission: Arc::clone(self), client })
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
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.all -= 1;
        if let Some(own) = counts.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

/// The address that stands for a client: one host of IPv4, one /64 of IPv6 (a single host owns at least that much).
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn gives_every_place_back() {
        let admission = Arc::new(Admission::default());
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let first = admission.admit(here, 3, 2).unwrap();
        let second = admission.admit(here, 3, 2).unwrap();
        assert_eq!(admission.admit(here, 3, 2).unwrap_err(), Refusal::ConnectionsPerClient);
        let other = admission.admit("192.0.2.2".parse().unwrap(), 3, 2).unwrap();
        assert_eq!(admission.admit("192.0.2.3".parse().unwrap(), 3, 2).unwrap_err(), Refusal::Connections);
        drop((first, second, other));
        assert_eq!(admission.connections(), 0);
        assert!(admission.counts.lock().by_client.is_empty());
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let admission = Arc::new(Admission::default());
        let _first = admission.admit("2001:db8::1".parse().unwrap(), 9, 1).unwrap();
        assert!(admission.admit("2001:db8::2".parse().unwrap(), 9, 1).is_err());
        assert!(admission.admit("2001:db8:0:1::2".parse().unwrap(), 9, 1).is_ok());
        assert!(admission.admit("::ffff:192.0.2.1".parse().unwrap(), 9, 1).is_ok());
        assert!(admission.admit("::ffff:192.0.2.2".parse().unwrap(), 9, 1).is_ok());
    }
}

//! The addresses of one backend, in the order of the name service, each with its [`Circuit`].
//!
//! A name is looked up again when what is known is [`STALE`] or nothing; if that fails, what is known goes on being
//! used. An address that is still there keeps its circuit.

use std::net::SocketAddr;
use std::time::Duration;

use super::circuit::Circuit;
use crate::world::Instant;

/// What is known of the ways to a backend.
#[derive(Debug, Default)]
pub(super) struct Ways {
    known: Vec<(SocketAddr, Circuit)>,
    /// When the name was last looked up.
    asked: Option<Instant>,
    /// The way to an answer of the name service, while no address is known.
    lookup: Circuit,
}

impl Ways {
    /// Whether the name should be looked up before a dial.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.known.is_empty() || self.asked.is_none_or(|asked| now >= asked + STALE)
    }

    /// What the name service said. No address at all is as bad as no answer.
    pub(super) fn learn(&mut self, found: Vec<SocketAddr>, now: Instant) {
        let known = std::mem::take(&mut self.known);
        for address in found.into_iter().take(MOST) {
            if !self.known.iter().any(|(there, _)| *there == address) {
                let before = known.iter().find(|(there, _)| *there == address);
                self.known.push((address, before.map(|(_, circuit)| circuit.clone()).unwrap_or_default()));
            }
        }
        self.asked = Some(now);
    }

    /// The name service failed; what is known is good for another while. Whether anything is.
    pub(super) fn unanswered(&mut self, now: Instant) -> bool {
        self.asked = Some(now);
        !self.known.is_empty()
    }

    /// Whether messages have no way at all.
    pub(super) fn are_open(&self, now: Instant) -> bool {
        match self.known.as_slice() {
            [] => !self.lookup.is_closed(now),
            known => known.iter().all(|(_, circuit)| !circuit.is_closed(now)),
        }
    }

    /// The addresses that a message may try.
    pub(super) fn closed(&self, now: Instant) -> Vec<SocketAddr> {
        self.known.iter().filter(|(_, circuit)| circuit.is_closed(now)).map(|(address, _)| *address).collect()
    }

    /// Every address.
    pub(super) fn all(&self) -> Vec<SocketAddr> {
        self.known.iter().map(|(address, _)| *address).collect()
    }

    /// When an open circuit wants to be looked at first.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let lookup = if self.known.is_empty() { self.lookup.look_at() } else { None };
        self.known.iter().filter_map(|(_, circuit)| circuit.look_at()).chain(lookup).min()
    }

    /// Makes the look at every open circuit due.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.known.iter_mut().for_each(|(_, circuit)| circuit.hurry(now));
        self.lookup.hurry(now);
    }

    /// The open circuits whose look is due.
    pub(super) fn due(&self, now: Instant) -> Vec<SocketAddr> {
        let due = |circuit: &Circuit| circuit.look_at().is_some_and(|at| at <= now);
        self.known.iter().filter(|(_, circuit)| due(circuit)).map(|(address, _)| *address).collect()
    }

    /// The circuit of `address`, or of the name service; nothing if the address is no longer there.
    pub(super) fn circuit(&mut self, address: Option<SocketAddr>) -> Option<&mut Circuit> {
        match address {
            None => Some(&mut self.lookup),
            Some(address) => self.known.iter_mut().find(|(there, _)| *there == address).map(|(_, circuit)| circuit),
        }
    }
}

/// How old an answer of the name service may be. The system's resolver does not tell its time to live.
pub(super) const STALE: Duration = Duration::from_secs(30);

/// Addresses of one name that are looked at. More would only make a dial to a dead site longer.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 25))
    }

    #[test]
    fn an_address_keeps_its_circuit_as_long_as_the_name_has_it() {
        let now = Instant::now();
        let mut ways = Ways::default();
        assert!(ways.is_stale(now) && !ways.are_open(now));
        ways.learn(vec![address(1), address(2), address(1)], now);
        assert_eq!(ways.closed(now), [address(1), address(2)]);
        ways.circuit(Some(address(1))).unwrap_or(&mut Circuit::default()).dial_failed(now, 0);
        assert_eq!((ways.closed(now), ways.are_open(now)), (vec![address(2)], false));
        ways.learn(vec![address(2), address(1)], now);
        assert_eq!(ways.closed(now), [address(2)]);
        ways.circuit(Some(address(2))).unwrap_or(&mut Circuit::default()).dial_failed(now, 0);
        assert!(ways.are_open(now));
        ways.learn(vec![address(3)], now);
        assert_eq!(ways.closed(now), [address(3)]);
        ways.learn(vec![address(1)], now);
        assert_eq!(ways.closed(now), [address(1)], "it had gone, and begins anew");
        assert!(ways.circuit(Some(address(9))).is_none());
    }

    #[test]
    fn what_is_known_outlives_a_name_service_that_does_not_answer() {
        let now = Instant::now();
        let mut ways = Ways::default();
        assert!(!ways.unanswered(now));
        ways.circuit(None).unwrap_or(&mut Circuit::default()).dial_failed(now, 0);
        assert!(ways.are_open(now) && ways.look_at().is_some());
        ways.learn(vec![address(1)], now);
        assert!(!ways.are_open(now) && ways.look_at().is_none());
        let later = now + STALE;
        assert!(ways.is_stale(later) && ways.unanswered(later) && !ways.is_stale(later));
        assert_eq!(ways.closed(later), [address(1)]);
    }
}

//! Failed handshakes by client and cause, and who is not offered STARTTLS for a while because of them.
//!
//! Some senders know nothing newer than TLS 1.0 and never fall back: to them an offer that fails is mail that never
//! arrives. A client that said in its own hello that it has nothing in common with us is not offered STARTTLS for
//! [`PAUSE`], so that its mail comes in clear, and inspected. Only that cause counts: not garbage, not a client that
//! dislikes our certificate. And never a client that has shaken hands within that time: it can, whatever else at its
//! address (a scanner, a neighbour) cannot. Whoever could forge such a hello on the way could take STARTTLS out of our
//! reply as well (RFC 7435 §3); opportunistic TLS promises no more.
//!
//! Bounded by [`ENTRIES`]; the oldest gives way. It lives as long as the process, across reloads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use super::Cause;
use crate::admission::network;
use crate::world::Instant;

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<HashMap<(IpAddr, Cause), Entry>>,
    /// When a client last shook hands.
    capable: Mutex<HashMap<IpAddr, Instant>>,
}

#[derive(Debug)]
struct Entry {
    count: u32,
    last: Instant,
}

impl Ledger {
    /// Writes a failure down. How many this client has had by this cause, this one included, since it last had none
    /// for [`PAUSE`].
    pub(crate) fn failed(&self, client: IpAddr, cause: Cause, now: Instant) -> u32 {
        let key = (network(client), cause);
        let mut entries = self.entries.lock();
        if entries.len() >= ENTRIES && !entries.contains_key(&key) {
            entries.retain(|_, entry| entry.is_recent(now));
            if entries.len() >= ENTRIES
                && let Some(oldest) = entries.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| *key)
            {
                entries.remove(&oldest);
            }
        }
        let entry = entries.entry(key).or_insert(Entry { count: 0, last: now });
        entry.count = if entry.is_recent(now) { entry.count.saturating_add(1) } else { 1 };
        entry.last = now;
        entry.count
    }

    /// Writes a success down.
    pub(crate) fn succeeded(&self, client: IpAddr, now: Instant) {
        let mut capable = self.capable.lock();
        if capable.len() >= ENTRIES {
            // All at once, so that no handshake pays for a search; they come back with their next one.
            capable.clear();
        }
        capable.insert(network(client), now);
    }

    /// Whether STARTTLS should not be offered to this client now.
    pub(crate) fn withholds_starttls(&self, client: IpAddr, now: Instant) -> bool {
        let client = network(client);
        let failed = self.entries.lock().get(&(client, Cause::Incompatible)).is_some_and(|entry| entry.is_recent(now));
        failed && self.capable.lock().get(&client).is_none_or(|last| now.saturating_duration_since(*last) >= PAUSE)
    }
}

impl Entry {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < PAUSE
    }
}

/// How long a failure counts. Senders try again within minutes, and one that was mended waits no longer than this
/// for its TLS.
const PAUSE: Duration = Duration::from_secs(3_600);

/// Clients and causes that are remembered: half a megabyte.
const ENTRIES: usize = 4_096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn only_who_is_incompatible_is_not_offered_starttls_and_only_for_a_while() {
        let (ledger, now) = (Ledger::default(), Instant::now());
        let [old, noisy]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        for cause in [Cause::Alert, Cause::NotTls, Cause::Protocol, Cause::Closed, Cause::Timeout] {
            assert_eq!(ledger.failed(noisy, cause, now), 1);
        }
        assert_eq!(ledger.failed(noisy, Cause::NotTls, now), 2);
        assert_eq!(ledger.failed(old, Cause::Incompatible, now), 1);
        assert!(ledger.withholds_starttls(old, now));
        assert!(!ledger.withholds_starttls(noisy, now));
        ledger.succeeded(noisy, now);
        ledger.failed(noisy, Cause::Incompatible, now);
        assert!(!ledger.withholds_starttls(noisy, now));
        let later = now + PAUSE;
        assert!(!ledger.withholds_starttls(old, later));
        assert_eq!(ledger.failed(old, Cause::Incompatible, later), 1);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_gives_way() {
        let (ledger, now) = (Ledger::default(), Instant::now());
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        for number in 0..ENTRIES + 10 {
            ledger.failed(address(number), Cause::Incompatible, now + Duration::from_millis(number as u64));
        }
        assert_eq!(ledger.entries.lock().len(), ENTRIES);
        for number in 0..ENTRIES + 10 {
            ledger.succeeded(address(ENTRIES * 2 + number), now);
            assert!(ledger.capable.lock().len() <= ENTRIES);
        }
        assert!(!ledger.withholds_starttls(address(9), now));
        assert!(ledger.withholds_starttls(address(10), now));
    }
}

//! The addresses of a backend at which STARTTLS failed a moment ago, and that are spoken to in clear meanwhile.
//!
//! Only where `tls = "opportunistic"`, and only after a connection in clear went well (see [`super::smtp`]). A
//! handshake in vain may last as long as `connect_s`, and not each message is to pay for it; nor is mail to go in clear
//! for long where a server had but a bad moment.
//!
//! A server that insists on TLS (530) has no use for that: its address is not gone round for [`INSISTED`], so that a
//! handshake that fails there is a failed dial like any other.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::world::Instant;

/// Addresses, what to do there, and until when.
#[derive(Debug, Default)]
pub(super) struct Clear {
    known: Mutex<Vec<(SocketAddr, Found, Instant)>>,
}

/// What was found out about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// STARTTLS fails, and in clear it goes well.
    GoesInClear,
    /// In clear nothing goes.
    Insists,
}

impl Clear {
    /// What is known of `address` now.
    pub(super) fn of(&self, address: SocketAddr, now: Instant) -> Option<Found> {
        let known = self.known.lock();
        known.iter().find(|(known, _, until)| *known == address && now < *until).map(|(_, found, _)| *found)
    }

    /// STARTTLS failed at `address`, and in clear it went well. Whether that is news.
    pub(super) fn remember(&self, address: SocketAddr, now: Instant) -> bool {
        let news = self.of(address, now).is_none();
        if news {
            self.put(address, Found::GoesInClear, now, IN_CLEAR);
        }
        news
    }

    /// It takes nothing in clear.
    pub(super) fn insists(&self, address: SocketAddr, now: Instant) {
        self.put(address, Found::Insists, now, INSISTED);
    }

    fn put(&self, address: SocketAddr, found: Found, now: Instant, how_long: Duration) {
        let mut known = self.known.lock();
        known.retain(|(there, _, until)| now < *until && *there != address);
        if known.len() >= MOST {
            // The oldest; what is found out once more costs one message a 4yz.
            known.remove(0);
        }
        known.push((address, found, now + how_long));
    }
}

/// How long an address is spoken to in clear before TLS is tried again: one message in a minute pays for that.
pub(super) const IN_CLEAR: Duration = Duration::from_secs(60);

/// How long an address that insisted on TLS is not gone round.
const INSISTED: Duration = Duration::from_secs(3_600);

/// Addresses that are remembered: those of one name, twice (see [`super::ways`]), for they may change within a minute.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 25))
    }

    #[test]
    fn it_is_news_once_and_forgotten_after_its_time() {
        let (clear, now) = (Clear::default(), Instant::now());
        assert_eq!(clear.of(address(1), now), None);
        assert!(clear.remember(address(1), now));
        assert_eq!((clear.of(address(1), now), clear.of(address(2), now)), (Some(Found::GoesInClear), None));
        let later = now + IN_CLEAR / 2;
        assert!(!clear.remember(address(1), later), "what fails again puts nothing off");
        assert_eq!(clear.of(address(1), now + IN_CLEAR), None);
        assert!(clear.remember(address(1), now + IN_CLEAR));
    }

    #[test]
    fn who_insists_on_tls_is_not_gone_round() {
        let (clear, now) = (Clear::default(), Instant::now());
        clear.remember(address(1), now);
        clear.insists(address(1), now);
        assert_eq!(clear.of(address(1), now + IN_CLEAR), Some(Found::Insists));
        assert!(!clear.remember(address(1), now + IN_CLEAR), "whatever a dial that was under way found out");
        assert_eq!(clear.of(address(1), now + INSISTED), None);
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let (clear, now) = (Clear::default(), Instant::now());
        for last in 0..=u8::MAX {
            assert!(clear.remember(address(last), now));
        }
        assert_eq!(clear.known.lock().len(), MOST);
        assert_eq!((clear.of(address(255), now), clear.of(address(0), now)), (Some(Found::GoesInClear), None));
    }
}

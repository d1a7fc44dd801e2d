//! The addresses of a backend at which STARTTLS failed a moment ago, and that are spoken to in clear meanwhile.
//!
//! Only where `tls = "opportunistic"`, and only after a connection in clear went well (see [`super::smtp`]). A
//! handshake in vain may last as long as `connect_s`, and not each message is to pay for it; nor is mail to go in clear for
//! long where a server had but a bad moment.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::world::Instant;

/// Addresses, and until when they are spoken to in clear.
#[derive(Debug, Default)]
pub(super) struct Clear {
    known: Mutex<Vec<(SocketAddr, Instant)>>,
}

impl Clear {
    /// Whether STARTTLS is not to be said to `address` now.
    pub(super) fn is_for(&self, address: SocketAddr, now: Instant) -> bool {
        self.known.lock().iter().any(|(known, until)| *known == address && now < *until)
    }

    /// STARTTLS failed at `address`, and in clear it went well. Whether that is news.
    pub(super) fn remember(&self, address: SocketAddr, now: Instant) -> bool {
        let mut known = self.known.lock();
        known.retain(|(_, until)| now < *until);
        if known.iter().any(|(there, _)| *there == address) {
            return false;
        }
        if known.len() >= MOST {
            // The one that would be forgotten first.
            known.remove(0);
        }
        known.push((address, now + IN_CLEAR));
        true
    }

    /// TLS is to be tried again at `address`.
    pub(super) fn forget(&self, address: SocketAddr) {
        self.known.lock().retain(|(known, _)| *known != address);
    }
}

/// How long an address is spoken to in clear before TLS is tried again: one message in a minute pays for that.
pub(super) const IN_CLEAR: Duration = Duration::from_secs(60);

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
        assert!(!clear.is_for(address(1), now));
        assert!(clear.remember(address(1), now) && clear.is_for(address(1), now) && !clear.is_for(address(2), now));
        let later = now + IN_CLEAR / 2;
        assert!(!clear.remember(address(1), later), "what fails again puts nothing off");
        assert!(!clear.is_for(address(1), now + IN_CLEAR) && clear.remember(address(1), now + IN_CLEAR));
        clear.forget(address(1));
        assert!(!clear.is_for(address(1), now + IN_CLEAR));
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let (clear, now) = (Clear::default(), Instant::now());
        for last in 0..=u8::MAX {
            assert!(clear.remember(address(last), now));
        }
        assert_eq!(clear.known.lock().len(), MOST);
        assert!(clear.is_for(address(255), now) && !clear.is_for(address(0), now));
    }
}

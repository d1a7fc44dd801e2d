//! What lets a client that was here before shake hands cheaply: keys of session tickets (RFC 5077, RFC 8446 §4.6.1),
//! and a few sessions for the clients of TLS 1.2 that know no tickets.
//!
//! Each listener has its own, kept across reloads: what a ticket stands for is a handshake with that listener, whatever
//! certificate it showed, and a reload that made every client begin anew would be felt. Not kept when
//! `client_certificate` changes: a ticket from before would let in who has no certificate.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

use crate::error::StartError;

/// Remembers sessions; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Resumption {
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    pub(super) fn new() -> Result<Self, StartError> {
        // Keys of its own making, random; a new one every half of TICKET_LIFETIME, the one before still read.
        let tickets = Ticketer::new().map_err(|error| StartError::settings("listener.tls", error.to_string()))?;
        debug_assert_eq!(tickets.lifetime(), TICKET_LIFETIME);
        Ok(Self { tickets, sessions: ServerSessionMemoryCache::new(SESSIONS) })
    }

    pub(super) fn serve(&self, config: &mut ServerConfig) {
        config.ticketer = Arc::clone(&self.tickets);
        config.session_storage = Arc::clone(&self.sessions);
        // Mail servers come back, but rarely twice at once.
        config.send_tls13_tickets = 1;
    }
}

/// How long a ticket is good for, seconds: the keys behind it are gone after that, and a recording of the session
/// cannot be opened any more. RFC 8446 §4.6.1 allows a week; a mail server comes back within hours or not at all.
const TICKET_LIFETIME: u32 = 12 * 3_600;

/// Sessions of clients without tickets; about a kilobyte each, the oldest gives way.
const SESSIONS: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn tickets_are_good_for_half_a_day_and_sessions_are_few() {
        let resumption = Resumption::new().unwrap();
        assert_eq!(resumption.tickets.lifetime(), TICKET_LIFETIME);
        let key = |number: usize| number.to_be_bytes().to_vec();
        for number in 0..4 * SESSIONS {
            resumption.sessions.put(key(number), vec![0; 8]);
        }
        let kept = (0..4 * SESSIONS).filter(|number| resumption.sessions.get(&key(*number)).is_some()).count();
        assert!((1..=SESSIONS).contains(&kept), "{kept}");
    }

    #[test]
    fn another_listeners_tickets_are_not_read() {
        let (ours, theirs) = (Resumption::new().unwrap(), Resumption::new().unwrap());
        let ticket = ours.tickets.encrypt(b"a session").unwrap();
        assert_eq!(ours.clone().tickets.decrypt(&ticket).unwrap(), b"a session");
        assert_eq!(theirs.tickets.decrypt(&ticket), None);
    }
}

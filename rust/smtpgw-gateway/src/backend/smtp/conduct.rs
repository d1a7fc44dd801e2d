//! How a leg has behaved, and what it takes to hand it to another client (see [`crate::backend::Pool`]).

use std::time::Duration;

use smtpgw_smtp::{ClientStateName, Reply, Verb, XclientName};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Smtp, within};
use crate::backend::streaming::is_about_address;
use crate::error::BackendError;
use crate::message::Session;
use crate::settings::Identity;
use crate::world::Instant;

/// What was heard on a leg.
#[derive(Debug)]
pub(in crate::backend) struct Conduct {
    dialled: Instant,
    /// A message went over it since its client has it.
    relayed: bool,
    /// MAIL was accepted, and neither the end of a message nor RSET has been since.
    open: bool,
    /// MAIL, RCPT and nothing else has been answered since, all of them with codes about addresses.
    told_addresses: bool,
    /// Transactions it has begun, of all its clients.
    mails: u32,
    /// Something was refused. Servers count such things per connection, and the next client must not pay for it.
    blotted: bool,
}

impl Conduct {
    pub(super) fn new() -> Self {
        Self { dialled: Instant::now(), relayed: false, open: false, told_addresses: false, mails: 0, blotted: false }
    }

    pub(super) fn heard(&mut self, to: Verb, reply: &Reply) {
        self.blotted |= !(reply.is_positive_completion() || reply.is_intermediate());
        self.relayed |= to == Verb::EndOfData && reply.is_positive_completion();
        self.mails += u32::from(to == Verb::Mail);
        self.told_addresses = match to {
            Verb::Mail => is_about_address(reply),
            Verb::Recipient => self.told_addresses && is_about_address(reply),
            _ => false,
        };
        match to {
            Verb::Mail => self.open |= reply.is_positive_completion(),
            Verb::EndOfData | Verb::Reset => self.open &= !reply.is_positive_completion(),
            _ => {}
        }
    }

    /// Whether nothing was answered since MAIL but by codes about addresses (RFC 3463 §3.2).
    pub(in crate::backend) fn told_addresses(&self) -> bool {
        self.told_addresses
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// Whether every word on it was as it should be, and it has been of use.
    pub(in crate::backend) fn is_spotless(&self) -> bool {
        let Conduct { dialled, relayed, blotted, open: _, told_addresses: _, mails: _ } = self.conduct;
        let in_order = self.client.state() == ClientStateName::Ready && self.in_step().is_ok();
        in_order
            && relayed
            && !blotted
            && !self.is_authenticated()
            && self.ahead.is_empty()
            && self.wire.input.is_empty()
            && dialled.elapsed() < LIFE
            && self.has_mails_left()
            && self.can_be_introduced()
    }

    /// Whether it may begin a further transaction by what the backend said of a session (MAILMAX, RFC 9422 §4.1).
    pub(in crate::backend) fn has_mails_left(&self) -> bool {
        self.client.extensions().session_limits.mails.is_none_or(|most| self.conduct.mails < most)
    }

    /// Whether the next client can be named to it. Postfix holds the right to XCLIENT against who was named last.
    fn can_be_introduced(&self) -> bool {
        let offered = self.client.extensions().xclient;
        self.site.settings.identity != Identity::Xclient || offered.is_some_and(|it| it.contains(XclientName::Addr))
    }

    /// Leaves its client: nothing of it is to be left. The end of a message leaves nothing (RFC 5321 §4.1.1.4), so only
    /// a transaction that never came to one costs a RSET.
    pub(in crate::backend) async fn rest(&mut self) -> Result<(), BackendError> {
        if self.conduct.open {
            self.reset().await?;
        }
        self.unasked().await
    }

    /// Serves another client, who is introduced as the first one was.
    pub(in crate::backend) async fn adopt(&mut self, session: &Session) -> Result<(), BackendError> {
        self.unasked().await?;
        self.conduct.relayed = false;
        if self.site.settings.identity == Identity::Xclient {
            within(self.site.settings.connect_s, "connect_s", self.identify(session)).await?;
        }
        Ok(())
    }
}

/// How old a leg may become. Backends behind one address are to get their share, and a restarted one its new clients.
const LIFE: Duration = Duration::from_secs(300);

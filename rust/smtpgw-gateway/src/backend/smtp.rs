//! One SMTP connection to the backend.
//!
//! Dial: connection, greeting, EHLO, STARTTLS where offered (RFC 3207, see [`starttls`]), who the client is
//! ([`identity`]), all within `connect_s`. Every later wait has its own limit too: a reply, and all the content of a
//! message together. Content goes out canonical (rule R2): our own dot-stuffing, our own end.

mod auth;
mod conduct;
mod identity;
mod starttls;
mod tunnel;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Buf as _;
use rustls_pki_types::ServerName;
use smtpgw_smtp::{
    Client, ClientEvent, ClientStateName, Command, ForwardPath, Limits, Misuse, Offer, RecipientParameters, Reply,
};
use tokio::io::{AsyncRead, AsyncWrite};

use self::conduct::Conduct;
use self::starttls::Starttls;
use super::Site;
use crate::error::BackendError;
use crate::message::Session;
use crate::outgoing::Outgoing;
use crate::record::shortened;
use crate::settings::Backend;
use crate::wire::Wire;
use crate::world::{Instant, World, timeout, timeout_at};

/// A connection past EHLO.
pub(crate) struct Smtp<S> {
    pub(super) wire: Wire<S>,
    pub(super) client: Client,
    pub(super) site: Arc<Site>,
    pub(super) address: SocketAddr,
    /// When the backend last answered.
    pub(super) heard: Instant,
    /// Recipients that were sent in one group with MAIL and whose replies nobody has asked for yet.
    pub(super) ahead: VecDeque<(ForwardPath, RecipientParameters)>,
    /// What the last EHLO said.
    pub(super) introduced: String,
    /// Messages after whose last chunk it was asked for a further sign.
    pub(super) confirmed: u32,
    pub(super) conduct: Conduct,
    starttls: Starttls,
    /// Why another connection had to be given up for this one, which is in clear.
    pub(super) fell_back: Option<Box<BackendError>>,
    /// What it offers whoever the client is; `None` where it knew the client before it was asked.
    pub(super) offered_to_all: Option<Offer>,
    /// What is said before each MAIL (XFORWARD).
    pub(super) forward: Vec<Command>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// A dial, with or without STARTTLS.
    async fn dial_once<W: World<Stream = S>>(
        world: &W,
        site: &Arc<Site>,
        address: SocketAddr,
        session: Option<&Session>,
        course: Starttls,
    ) -> Result<Self, BackendError> {
        let until = Instant::now() + site.settings.connect_s;
        let mut leg = by(until, Self::connect(world, site, address)).await?;
        leg.starttls = course;
        let introduction = async {
            leg.announce(session).await?;
            leg.introduce().await
        };
        if let Err(error) = by(until, introduction).await {
            return Err(match leg.gone_round(error) {
                round @ BackendError::Handshake(_) => round,
                error => site.blames(error, session),
            });
        }
        // What is offered to one client is not everybody's.
        let knows_client = session.is_some() && site.settings.identity.precedes_greeting();
        leg.offered_to_all = (!knows_client).then(|| leg.offer(u64::MAX));
        if let Some(session) = session {
            by(until, leg.identify(session)).await.map_err(identity::about_client)?;
        }
        Ok(leg)
    }

    async fn connect<W: World<Stream = S>>(
        world: &W,
        site: &Arc<Site>,
        address: SocketAddr,
    ) -> Result<Self, BackendError> {
        let stream = world.connect(address).await.map_err(BackendError::Connect)?;
        Ok(Self {
            wire: Wire::new(stream),
            client: Client::new(Limits::default()),
            site: Arc::clone(site),
            address,
            heard: Instant::now(),
            ahead: VecDeque::new(),
            introduced: String::new(),
            confirmed: 0,
            conduct: Conduct::new(),
            starttls: Starttls::Wanted,
            fell_back: None,
            offered_to_all: None,
            forward: Vec::new(),
        })
    }

    /// Relays a message that is complete; the backend's word on it. By one chunk where that can be, for it saves DATA
    /// its round trip, which is nothing to a long message; otherwise by DATA.
    pub(crate) async fn deliver(&mut self, mut message: Outgoing) -> Result<Reply, BackendError> {
        if self.client.is_binary() {
            return Box::pin(self.deliver_chunks(message)).await;
        }
        self.unasked().await?;
        let patience = self.site.settings.data_s;
        let mut first = Vec::new();
        if self.knows_ends_by_code() {
            let gathering = async { message.gather(SEGMENT).await.map_err(BackendError::Spool) };
            first = within(patience, "data_s", gathering).await?;
            if first.len() < SEGMENT {
                return self.finish_in_one(&first).await;
            }
        }
        let go = self.ask(&Command::Data).await?;
        if go.is_positive_completion() {
            // RFC 5321 §4.3.2: not a reply to DATA, so it was to something else, and must not pass for the message's.
            return Err(BackendError::Protocol(format!("DATA was answered {}", go.code())));
        }
        if !go.is_intermediate() {
            self.forget_refused(&go).await;
            return Ok(go);
        }
        let content = async {
            self.client.content(&first).map_err(misused)?;
            while let Some(piece) = message.next().await.map_err(BackendError::Spool)? {
                self.client.content(&piece).map_err(misused)?;
                if self.client.output().len() >= SEGMENT {
                    self.write(patience).await?;
                }
            }
            Ok(())
        };
        // The sender waits meanwhile, and what it has given up it brings again: then this one must not have an end.
        within(patience, "data_s", content).await?;
        // Replies have no numbers: one too many before the dot would be taken for the message's own.
        self.unasked().await?;
        self.client.end_content().map_err(misused)?;
        self.end_and_hear().await
    }

    pub(crate) async fn reset(&mut self) -> Result<(), BackendError> {
        self.drain_ahead().await?;
        within(self.site.settings.reply_s, "reply_s", self.drain_chunks()).await?;
        let reply = self.ask(&Command::Reset).await?;
        if reply.is_positive_completion() {
            Ok(())
        } else {
            Err(BackendError::Protocol(format!("RSET was answered {}", reply.code())))
        }
    }

    pub(crate) async fn keep_alive(&mut self) -> Result<(), BackendError> {
        let free = self.client.state() == ClientStateName::Ready && self.ahead.is_empty();
        if self.heard.elapsed() >= KEEP_ALIVE && free {
            Box::pin(self.ask(&Command::Noop)).await?;
        }
        Ok(())
    }

    pub(crate) async fn quit(mut self) {
        if self.client.send(&Command::Quit).is_ok() {
            let mut output = std::mem::take(self.client.output());
            // It may be gone already; there is nothing left to lose.
            let _ = timeout(FAREWELL, async {
                self.wire.write(&mut output).await?;
                self.wire.close().await
            })
            .await;
        }
    }

    async fn introduce(&mut self) -> Result<(), BackendError> {
        self.greeted().await?;
        let hostname = self.site.hostname.clone();
        self.hello(&hostname).await?;
        if self.wants_tls()? {
            self.start_tls().await?;
            self.hello(&hostname).await?;
            self.starttls = Starttls::Done;
        }
        Ok(())
    }

    async fn greeted(&mut self) -> Result<(), BackendError> {
        let greeting = self.hear().await?;
        if greeting.code().value() != 220 {
            return Err(BackendError::Greeting(shortened(greeting.to_string())));
        }
        Ok(())
    }

    async fn hello(&mut self, name: &str) -> Result<(), BackendError> {
        name.clone_into(&mut self.introduced);
        let reply = self.exchange(&Command::Ehlo(name.into())).await?;
        if reply.is_positive_completion() {
            return Ok(());
        }
        self.heard_header(&reply)?;
        let reply = self.exchange(&Command::Helo(name.into())).await?;
        if reply.is_positive_completion() { Ok(()) } else { Err(BackendError::Hello(shortened(reply.to_string()))) }
    }

    /// A command and its reply, within `reply_s`.
    pub(super) async fn ask(&mut self, command: &Command) -> Result<Reply, BackendError> {
        if !self.ahead.is_empty() {
            // Their replies come first, and the backend may have recipients that the client does not know of.
            return Err(BackendError::Protocol("recipients were sent ahead and never came".into()));
        }
        self.in_step()?;
        let patience = self.site.settings.reply_s;
        within(patience, "reply_s", self.exchange(command)).await
    }

    /// Refuses to go on while a reply is owed (one that came too late): it would be taken for the next command's.
    pub(super) fn in_step(&self) -> Result<(), BackendError> {
        match self.client.outstanding().next() {
            Some(verb) => Err(BackendError::Protocol(format!("the reply to {verb:?} is still owed"))),
            None => Ok(()),
        }
    }

    /// Looks, without waiting, whether the backend has said more than it was asked, or has gone.
    pub(super) async fn unasked(&mut self) -> Result<(), BackendError> {
        if self.read_at_once().await? == Some(0) {
            return Err(BackendError::Closed);
        }
        if self.wire.input.is_empty() {
            return Ok(());
        }
        Err(BackendError::Protocol("a reply that nobody asked for".into()))
    }

    /// Reads what is there; `None` if nothing is.
    pub(super) async fn read_at_once(&mut self) -> Result<Option<usize>, BackendError> {
        let read = poll_fn(|context| match pin!(self.wire.read()).poll(context) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        Ok(read.await.transpose()?)
    }

    /// After a refusal the envelope may still be there (RFC 5321 §4.1.1.4) and must not be the next message's. If even
    /// this fails, the next command will say so.
    pub(super) async fn forget_refused(&mut self, refusal: &Reply) {
        if !refusal.is_closing() {
            let _ = Box::pin(self.reset()).await;
        }
    }

    /// Writes what is to be written, and the next reply, within `reply_s`.
    pub(super) async fn flush_and_hear(&mut self) -> Result<Reply, BackendError> {
        let patience = self.site.settings.reply_s;
        within(patience, "reply_s", async {
            self.wire.write(self.client.output()).await?;
            self.hear().await
        })
        .await
    }

    /// Takes the replies to recipients that were sent ahead and have become pointless; whether one was accepted.
    pub(super) async fn drain_ahead(&mut self) -> Result<bool, BackendError> {
        let patience = self.site.settings.reply_s;
        let draining = async {
            let mut accepted = false;
            while self.ahead.pop_front().is_some() {
                accepted |= self.flush_and_hear().await?.is_positive_completion();
            }
            Ok(accepted)
        };
        within(patience, "reply_s", draining).await
    }

    async fn exchange(&mut self, command: &Command) -> Result<Reply, BackendError> {
        self.client.send(command).map_err(misused)?;
        self.wire.write(self.client.output()).await?;
        self.hear().await
    }

    /// Writes content. What was under way when this fails, or is given up, is never written again: in the middle of
    /// a chunk it would be read as something else.
    pub(super) async fn write(&mut self, patience: Duration) -> Result<(), BackendError> {
        let mut output = std::mem::take(self.client.output());
        within(patience, "data_s", async { Ok(self.wire.write(&mut output).await?) }).await?;
        *self.client.output() = output;
        Ok(())
    }

    /// The next reply (or the greeting).
    pub(super) async fn hear(&mut self) -> Result<Reply, BackendError> {
        loop {
            if let Some(reply) = self.next_reply()? {
                return Ok(reply);
            }
            if self.wire.read().await? == 0 {
                return Err(BackendError::Closed);
            }
        }
    }

    /// The next reply, if it has come whole.
    pub(super) fn next_reply(&mut self) -> Result<Option<Reply>, BackendError> {
        loop {
            let step = self.client.receive(&self.wire.input);
            let (consumed, event) = step.map_err(|error| BackendError::Protocol(error.to_string()))?;
            self.wire.input.advance(consumed);
            match event {
                Some(ClientEvent::Greeting(reply)) => {
                    self.heard = Instant::now();
                    return Ok(Some(reply));
                }
                Some(ClientEvent::Reply { to, reply }) => {
                    self.heard = Instant::now();
                    self.conduct.heard(to, &reply);
                    self.insists_on_tls(&reply)?;
                    return Ok(Some(reply));
                }
                None if consumed == 0 => return Ok(None),
                _ => {}
            }
        }
    }
}

/// We used our own client role wrongly: a bug of ours, which costs this leg.
pub(super) fn misused(misuse: Misuse) -> BackendError {
    BackendError::Protocol(misuse.to_string())
}

pub(super) async fn within<T>(
    patience: Duration,
    name: &'static str,
    work: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    timeout(patience, work).await.unwrap_or(Err(BackendError::Timeout(name)))
}

/// The introduction's share of `connect_s`.
async fn by<T>(until: Instant, work: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendError> {
    timeout_at(until, work).await.unwrap_or(Err(BackendError::Timeout("connect_s")))
}

/// The name for SNI, and the one a verified certificate must have: `name`, or the host of `address`.
pub(super) fn server_name(backend: &Backend) -> Option<ServerName<'static>> {
    let address = backend.address.as_str();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    ServerName::try_from(backend.name.as_deref().unwrap_or(host).to_owned()).ok()
}

/// Octets gathered before they are written: few system calls, little memory.
pub(super) const SEGMENT: usize = 64 << 10;

/// Silence after which the backend hears a NOOP. Postfix waits 300 s, and counts more than 100 NOOPs in a session as
/// junk.
const KEEP_ALIVE: Duration = Duration::from_secs(100);

/// How long a QUIT may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

//! One thing per event: what the protocol machine cannot decide alone, passed to whoever can, and its answer back.

use std::sync::Arc;

use smtpgw_smtp::{AuthAnswer, CloseReason, HelloKind, ServerEvent, XclientRequest, replies};

use super::auth::AuthEvent;
use super::{Connection, End};
use crate::message::Session;
use crate::transaction::Answer;
use crate::world::World;

/// An event without its ties to the read buffer. Boxed where large: the enum is held across every await of a
/// connection.
pub(super) enum Act {
    Mail(Box<MailEvent>),
    Recipient(Box<RecipientEvent>),
    Data,
    ChunkStart,
    EndOfData,
    ContentRefused(smtpgw_smtp::ContentError),
    Reset,
    Starttls,
    Xclient(Box<XclientRequest>),
    Auth(Box<AuthEvent>),
    AuthAnswer(Box<AuthAnswer>),
    Quit,
    Close(CloseReason),
    Answered,
}

pub(super) struct MailEvent {
    reverse_path: smtpgw_smtp::ReversePath,
    parameters: smtpgw_smtp::MailParameters,
}

pub(super) struct RecipientEvent {
    forward_path: smtpgw_smtp::ForwardPath,
    parameters: smtpgw_smtp::RecipientParameters,
}

impl Act {
    pub(super) fn of(event: ServerEvent<'_>) -> Self {
        match event {
            ServerEvent::Mail { reverse_path, parameters } => {
                Self::Mail(Box::new(MailEvent { reverse_path, parameters }))
            }
            ServerEvent::Recipient { forward_path, parameters } => {
                Self::Recipient(Box::new(RecipientEvent { forward_path, parameters }))
            }
            ServerEvent::Data => Self::Data,
            ServerEvent::ChunkStart => Self::ChunkStart,
            ServerEvent::EndOfData => Self::EndOfData,
            ServerEvent::ContentRefused(why) => Self::ContentRefused(why),
            ServerEvent::Reset => Self::Reset,
            ServerEvent::Starttls => Self::Starttls,
            ServerEvent::Xclient(said) => Self::Xclient(said),
            ServerEvent::Auth { mechanism, initial } => Self::Auth(Box::new(AuthEvent { mechanism, initial })),
            ServerEvent::AuthAnswer(answer) => Self::AuthAnswer(Box::new(answer)),
            ServerEvent::Quit => Self::Quit,
            ServerEvent::Close(reason) => Self::Close(reason),
            // Handled by the caller, or answered by the machine itself.
            _ => Self::Answered,
        }
    }

    /// Whether the octets that it came in are to be wiped.
    pub(super) const fn is_secret(&self) -> bool {
        matches!(self, Self::Auth(_) | Self::AuthAnswer(_))
    }
}

impl<W: World> Connection<W> {
    /// What a command needs while it runs is many times what an idle connection needs, so each is boxed; by itself, for
    /// the box is made anew each time and the largest of them is large.
    pub(super) async fn act(&mut self, act: Act) -> Result<(), End> {
        match act {
            Act::Mail(event) => Box::pin(self.mail(event)).await?,
            Act::Recipient(event) => Box::pin(self.recipient(event)).await,
            Act::Data => {
                self.server.start_content();
                self.correspondence.begin_content();
            }
            Act::ChunkStart => self.correspondence.begin_content(),
            Act::EndOfData => {
                let reply = Box::pin(self.correspondence.end_of_data()).await;
                self.server.reply(&reply);
                self.flush().await?;
            }
            Act::ContentRefused(why) => Box::pin(self.correspondence.content_refused(why)).await,
            Act::Reset => Box::pin(self.correspondence.reset()).await,
            Act::Starttls if self.front.tunnel => Box::pin(self.tunnel()).await?,
            Act::Starttls => Box::pin(self.start_tls()).await?,
            Act::Xclient(said) => Box::pin(self.xclient(*said)).await?,
            Act::Auth(event) => Box::pin(self.auth(*event)).await?,
            Act::AuthAnswer(answer) => Box::pin(self.auth_answer(*answer)).await,
            Act::Quit => {
                self.flush().await?;
                return Err(End::of("quit"));
            }
            Act::Close(reason) => {
                self.flush().await?;
                return Err(End::of(reason.name()));
            }
            Act::Answered => {}
        }
        Ok(())
    }

    pub(super) async fn hello(&mut self, kind: HelloKind, name: String) {
        self.correspondence.hello(&self.session, &name).await;
        self.session =
            Arc::new(Session { esmtp: kind == HelloKind::Ehlo, helo: name, ..Session::clone(&self.session) });
        // What the backend was last seen to offer may have changed since the last EHLO.
        self.server.set_offer(self.offer());
    }

    async fn mail(&mut self, event: Box<MailEvent>) -> Result<(), End> {
        if self.house.is_draining() {
            return self.hang_up(&replies::SHUTTING_DOWN, "drain").await;
        }
        let said = || format!("MAIL FROM:<{}>", event.reverse_path.as_str());
        if self.front.requires_tls && !self.wire.is_tls() {
            self.answer(said, replies::STARTTLS_FIRST.into());
            return Ok(());
        }
        if self.nameless {
            self.answer(said, replies::CLIENT_UNKNOWN.into());
            return Ok(());
        }
        self.consume_checks().await;
        if self.correspondence.backend_is_down() {
            return self.hang_up(&replies::BACKEND_DOWN, "backend-down").await;
        }
        let ahead = self.server.recipients_ahead(&self.wire.input);
        let MailEvent { reverse_path, parameters } = *event;
        let sender = reverse_path.clone();
        let answer = self.correspondence.mail(&self.session, reverse_path, parameters, ahead).await;
        self.answer(|| format!("MAIL FROM:<{}>", sender.as_str()), answer);
        Ok(())
    }

    /// Answers a command, and writes down what it `said` if it is refused.
    fn answer(&mut self, said: impl FnOnce() -> String, answer: Answer) {
        if answer.reply.is_transient() || answer.reply.is_permanent() {
            self.refusals.get_or_insert_default().note(&said(), &answer);
        }
        self.server.reply(&answer.reply);
    }

    pub(super) async fn consume_checks(&mut self) {
        if let Some(checks) = self.checks.take() {
            // Bounded by its own deadline; a panic in it is an inspector's failure and says nothing on the client.
            self.correspondence.early(checks.await.unwrap_or_default());
        }
    }

    async fn recipient(&mut self, event: Box<RecipientEvent>) {
        let RecipientEvent { forward_path, parameters } = *event;
        let recipient = forward_path.clone();
        let answer = self.correspondence.recipient(&self.session, forward_path, parameters).await;
        self.answer(|| format!("RCPT TO:<{}>", recipient.as_str()), answer);
    }
}

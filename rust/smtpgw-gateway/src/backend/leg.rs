//! One connection to a backend, whatever kind it is.

use std::net::SocketAddr;
use std::sync::Arc;

use smtpgw_smtp::{
    AuthAnswer, ForwardPath, MailParameters, Mechanism, RecipientParameters, Reply, ReversePath, Secret, replies,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::maildir::Maildir;
use super::site::Site;
use super::smtp::Smtp;
use crate::error::BackendError;
use crate::message::Session;
use crate::outgoing::Outgoing;

/// Where a leg leads.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) site: Arc<Site>,
    /// Which of its addresses, if it has any.
    pub(crate) address: Option<SocketAddr>,
}

/// One connection to a backend.
pub(crate) enum Leg<S> {
    Smtp(Box<Smtp<S>>),
    Maildir(Maildir),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Leg<S> {
    /// Where it leads.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Smtp(smtp) => Place { site: Arc::clone(&smtp.site), address: Some(smtp.address) },
            Self::Maildir(maildir) => Place { site: Arc::clone(&maildir.site), address: None },
        }
    }

    /// Serves another client than before.
    pub(crate) async fn adopt(&mut self, session: &Session) -> Result<(), BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.adopt(session).await,
            Self::Maildir(_) => Ok(()),
        }
    }

    /// Whether AUTH can be said over it; nothing of it is said yet.
    pub(crate) async fn is_fit_for_auth(&mut self) -> Result<(), BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.is_fit_for_auth().await,
            Self::Maildir(_) => Ok(()),
        }
    }

    /// AUTH; what the backend says to it.
    pub(crate) async fn auth(&mut self, mechanism: Mechanism, initial: Option<Secret>) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.auth(mechanism, initial).await,
            Self::Maildir(_) => Ok(replies::AUTH_UNAVAILABLE),
        }
    }

    /// What the client says to a challenge; what the backend says to that.
    pub(crate) async fn auth_answer(&mut self, answer: &AuthAnswer) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.auth_answer(answer).await,
            Self::Maildir(_) => Ok(replies::AUTH_UNAVAILABLE),
        }
    }

    /// Whether the client has authenticated over it.
    pub(crate) const fn is_authenticated(&self) -> bool {
        match self {
            Self::Smtp(smtp) => smtp.is_authenticated(),
            Self::Maildir(_) => false,
        }
    }

    /// MAIL; the backend's reply. Recipients `ahead` may be sent with it: the first calls of [`Leg::recipient`] must be
    /// for them, in this order.
    pub(crate) async fn mail(
        &mut self,
        reverse_path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[(ForwardPath, RecipientParameters)],
    ) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.mail(reverse_path, parameters, ahead).await,
            Self::Maildir(maildir) => {
                maildir.mail(reverse_path);
                Ok(replies::SENDER_OK)
            }
        }
    }

    /// RCPT; the backend's reply.
    pub(crate) async fn recipient(
        &mut self,
        forward_path: &ForwardPath,
        parameters: &RecipientParameters,
    ) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.recipient(forward_path, parameters).await,
            Self::Maildir(maildir) => {
                maildir.recipient(forward_path);
                Ok(replies::RECIPIENT_OK)
            }
        }
    }

    /// DATA, content, end; the backend's reply to the end, or to DATA if that was refused. `unique` names the
    /// message where it is stored here.
    pub(crate) async fn deliver(&mut self, unique: String, message: Outgoing) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.deliver(message).await,
            Self::Maildir(maildir) => {
                maildir.deliver(unique, message).await.map(|_| replies::MESSAGE_OK).map_err(BackendError::Spool)
            }
        }
    }

    /// The next piece of content that goes while it arrives; a refusal, if the backend does not take the message.
    pub(crate) async fn stream(&mut self, piece: &[u8]) -> Result<Option<Reply>, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.stream(piece).await,
            Self::Maildir(_) => Err(BackendError::Protocol("a Maildir takes whole messages".into())),
        }
    }

    /// The rest of such content, and its end; the backend's word on the message.
    pub(crate) async fn finish(&mut self, rest: &[u8]) -> Result<Reply, BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.finish(rest).await,
            Self::Maildir(_) => Err(BackendError::Protocol("a Maildir takes whole messages".into())),
        }
    }

    /// Whether it can take another message.
    pub(crate) fn is_usable(&self) -> bool {
        match self {
            Self::Smtp(smtp) => smtp.is_usable(),
            Self::Maildir(_) => true,
        }
    }

    /// Whether it may begin a further transaction by what the backend said of a session.
    pub(crate) fn has_mails_left(&self) -> bool {
        match self {
            Self::Smtp(smtp) => smtp.has_mails_left(),
            Self::Maildir(_) => true,
        }
    }

    /// RSET: the transaction is forgotten. An error where that is impossible, as in the middle of DATA.
    pub(crate) async fn reset(&mut self) -> Result<(), BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.reset().await,
            Self::Maildir(_) => Ok(()),
        }
    }

    /// NOOP if nothing was said for a while, so that a client that takes its time does not cost the transaction.
    pub(crate) async fn keep_alive(&mut self) -> Result<(), BackendError> {
        match self {
            Self::Smtp(smtp) => smtp.keep_alive().await,
            Self::Maildir(_) => Ok(()),
        }
    }

    /// QUIT, without waiting for the answer.
    pub(crate) async fn quit(self) {
        if let Self::Smtp(smtp) = self {
            smtp.quit().await;
        }
    }
}

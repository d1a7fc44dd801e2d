//! MAIL and RCPT to an SMTP backend, and what clients may be offered on the strength of it.
//!
//! A client was told what an earlier connection showed. So what a message needs is held against what this one offers,
//! and what is not there is answered here; no parameter is left out in silence.

use smtpgw_smtp::{
    Body, Command, ForwardPath, MailParameters, Mechanisms, Missing, Offer, RecipientParameters, Reply, ReversePath,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::smtp::{Smtp, misused, within};
use crate::error::BackendError;
use crate::settings::BackendTls;
use crate::world::Instant;

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// What a client of ours can be offered on the strength of this backend.
    pub(crate) fn offer(&self, size: u64) -> Offer {
        let extensions = self.client.extensions();
        let size = match extensions.size {
            Some(theirs) if theirs > 0 => theirs.min(size),
            _ => size,
        };
        Offer {
            eight_bit_mime: extensions.eight_bit_mime,
            // RFC 6531 §3.1: nobody may have the one without the other.
            smtputf8: extensions.smtputf8 && extensions.eight_bit_mime,
            dsn: extensions.dsn,
            binary_mime: extensions.binary_mime && extensions.chunking,
            require_tls: extensions.require_tls && self.is_verified(),
            session_limits: Some(extensions.session_limits),
            auth: if self.keeps_secrets() { extensions.auth } else { Mechanisms::EMPTY },
            ..super::site::everything(size)
        }
    }

    /// MAIL, and in the same segment as many of the recipients `ahead` as PIPELINING allows (RFC 2920 §3.1). Their
    /// replies are for [`Smtp::recipient`]. A message that needs what this backend does not offer is refused here: what
    /// the client was told to be offered is what an earlier connection showed.
    pub(crate) async fn mail(
        &mut self,
        reverse_path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[(ForwardPath, RecipientParameters)],
    ) -> Result<Reply, BackendError> {
        if self.drain_ahead().await? {
            // MAIL was refused and its recipient taken: whatever that means, the next message starts afresh.
            self.reset().await?;
        }
        self.in_step()?;
        self.unasked().await?;
        // RFC 8689 §4.2.1: what is announced by a server that nobody has verified promises nothing.
        let unsafe_here = parameters.require_tls && !self.is_verified();
        let unsafe_here = unsafe_here.then_some(Missing::RequireTls);
        let no_chunks = parameters.body == Some(Body::Binary) && self.site.chunks.are_given_up(Instant::now());
        let no_chunks = no_chunks.then_some(Missing::BinaryMime);
        if let Some(missing) = self.client.extensions().missing(parameters).or(unsafe_here).or(no_chunks) {
            return Ok(missing.reply());
        }
        let patience = self.site.settings.reply_s;
        within(patience, "reply_s", self.forward()).await?;
        let (reverse_path, mut parameters) = (reverse_path.clone(), parameters.clone());
        if !self.is_authenticated() {
            // RFC 4954 §5: the claim of somebody whom nobody knows is worth no more than none.
            parameters.submitter = None;
        }
        self.client.send(&Command::Mail { reverse_path, parameters }).map_err(misused)?;
        for (path, parameters) in ahead {
            let command = Command::Recipient { forward_path: path.clone(), parameters: parameters.clone() };
            if self.client.send(&command).is_err() {
                break;
            }
            self.ahead.push_back((path.clone(), parameters.clone()));
        }
        self.flush_and_hear().await
    }

    /// RCPT: the reply that is due already, or to the command sent now.
    pub(crate) async fn recipient(
        &mut self,
        forward_path: &ForwardPath,
        parameters: &RecipientParameters,
    ) -> Result<Reply, BackendError> {
        match self.ahead.pop_front() {
            None => match self.client.extensions().missing_for(parameters) {
                Some(missing) => Ok(missing.reply()),
                None => {
                    let (forward_path, parameters) = (forward_path.clone(), parameters.clone());
                    self.ask(&Command::Recipient { forward_path, parameters }).await
                }
            },
            Some((path, words)) if path == *forward_path && words == *parameters => self.flush_and_hear().await,
            Some((path, _)) => Err(BackendError::Protocol(format!("RCPT for {path} was sent ahead and never came"))),
        }
    }

    /// Whether this is the server that we are to know, under TLS: such a leg does not come to stand otherwise.
    fn is_verified(&self) -> bool {
        self.site.settings.tls == BackendTls::Verified
    }
}

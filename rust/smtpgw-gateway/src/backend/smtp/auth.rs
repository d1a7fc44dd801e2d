//! AUTH on behalf of a client (RFC 4954): its lines go to the backend under TLS, or over loopback, and are wiped.

use smtpgw_smtp::{AuthAnswer, Command, Mechanism, Reply, Secret, replies};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::{Smtp, misused, within};
use crate::error::BackendError;

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// AUTH; what the backend says to it. A mechanism that it has ceased to offer is our own 4yz.
    pub(in crate::backend) async fn auth(
        &mut self,
        mechanism: Mechanism,
        initial: Option<Secret>,
    ) -> Result<Reply, BackendError> {
        self.is_fit_for_auth().await?;
        if !self.client.extensions().auth.contains(mechanism) {
            return Ok(replies::AUTH_UNAVAILABLE);
        }
        self.client.send(&Command::Auth { mechanism, initial }).map_err(misused)?;
        self.say_secret().await
    }

    /// Whether AUTH can be said over it: an error, before anything of the credentials is written, if not.
    pub(in crate::backend) async fn is_fit_for_auth(&mut self) -> Result<(), BackendError> {
        if !self.keeps_secrets() {
            return Err(BackendError::Tls("no credentials without it".into()));
        }
        if self.drain_ahead().await? {
            // As at MAIL: a transaction that should not be there, in which no server takes AUTH.
            self.reset().await?;
        }
        self.in_step()?;
        self.unasked().await
    }

    /// What the client says to a challenge; what the backend says to that.
    pub(in crate::backend) async fn auth_answer(&mut self, answer: &AuthAnswer) -> Result<Reply, BackendError> {
        self.unasked().await?;
        self.client.answer(answer).map_err(misused)?;
        self.say_secret().await
    }

    /// Whether the client has authenticated over it.
    pub(in crate::backend) const fn is_authenticated(&self) -> bool {
        self.client.is_authenticated()
    }

    /// Whether nobody on the way reads what goes over it.
    pub(in crate::backend) const fn keeps_secrets(&self) -> bool {
        self.wire.is_tls() || self.address.ip().is_loopback()
    }

    async fn say_secret(&mut self) -> Result<Reply, BackendError> {
        let mut output = Zeroizing::new(std::mem::take(self.client.output()));
        within(self.site.settings.reply_s, "reply_s", async {
            self.wire.write(&mut output).await?;
            self.hear().await
        })
        .await
    }
}

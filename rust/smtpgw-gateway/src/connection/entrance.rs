//! Proxies of ours that say who the client is: by a PROXY header before the greeting, or by XCLIENT behind it. And the
//! greeting, where it cannot come at once: behind a PROXY header, and under TLS from the first octet.
//!
//! The first is the sole exception to rule B0, with limits of its own. A connection from a listed network that does not
//! begin with a header is closed without a word: taken as it is, it would pass for one of the proxy's own, which a
//! backend may trust. From anywhere else a PROXY line is an unknown command like any other.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Buf as _;
use smtpgw_smtp::{Fact, XclientRequest};

use super::{Connection, End, greet, withholds_starttls};
use crate::message::{Carried, Session, TlsFacts, canonical};
use crate::proxy_header::{self, ProxyHeader, Step};
use crate::record::Refused;
use crate::settings::LogLevel;
use crate::world::{World, timeout};

impl<W: World> Connection<W> {
    /// Everything up to the greeting, and the greeting.
    pub(super) async fn before_greeting(&mut self, proxied: bool) -> Result<(), End> {
        if proxied {
            let header = self.proxy_header().await?;
            self.proxied(header).await?;
            // A client that waits for the greeting has given the proxy nothing to send on. Under TLS it speaks first.
            if !self.front.implicit_tls && self.wire.has_spoken(&self.house.world) {
                self.session = Arc::new(Session { early_talker: true, ..Session::clone(&self.session) });
            }
        }
        if self.front.implicit_tls {
            // RFC 8314 §3.3: the greeting is the first thing under TLS.
            self.start_tls().await?;
        }
        if greet(&mut self.wire, &self.front, &self.setup).await { Ok(()) } else { Err(End::of("client-failed")) }
    }

    /// Reads a PROXY header and not one octet behind it, for those may be a TLS handshake's.
    async fn proxy_header(&mut self) -> Result<ProxyHeader, End> {
        let wire = &mut self.wire;
        let reading = async {
            loop {
                let more = match proxy_header::read(&wire.input) {
                    Ok(Step::Whole(octets, header)) => {
                        wire.input.advance(octets);
                        return Ok(header);
                    }
                    Ok(Step::More(more)) => more,
                    Err(error) => return Err(End::because("proxy-header", error)),
                };
                match wire.read_at_most(more).await {
                    Ok(0) => return Err(End::because("proxy-header", "closed before its end")),
                    Ok(_) => {}
                    Err(error) => return Err(End::because("client-failed", error)),
                }
            }
        };
        let patience = self.setup.desk.settings.limits.proxy_header_s;
        timeout(patience, reading).await.unwrap_or_else(|_| Err(End::because("proxy-header", "not there in time")))
    }

    /// Takes over what the header says.
    async fn proxied(&mut self, header: ProxyHeader) -> Result<(), End> {
        let Some((client, destination)) = header.endpoints else {
            // The proxy looks whether we are there, or does not know its client either.
            self.nameless = true;
            return Ok(());
        };
        let (client, destination) = (canonical(client), canonical(destination));
        let tls = header.tls.filter(|_| self.front.external_tls).map(|said| TlsFacts {
            version: said.version,
            cipher: said.cipher,
            group: String::new(),
            sni: header.authority,
            client_certificate: None,
            client_hello: None,
        });
        let carried = Carried {
            proxied_by: self.session.client,
            destination: Some(destination),
            client_name: None,
            login: None,
            speaker: None,
        };
        self.session =
            Arc::new(Session { client, tls, carried: Some(Arc::new(carried)), ..Session::clone(&self.session) });
        self.starttls_withheld = withholds_starttls(&self.house, &self.front, client);
        // Behind the proxy may be another one of ours, which speaks XCLIENT: that one's clients are counted.
        self.speaks_for = self.front.is_xclient(client.ip()).then(Box::default);
        self.server.set_offer(self.offer());
        if self.speaks_for.is_some() { Ok(()) } else { self.count_client().await }
    }

    /// Takes over what a proxy says by XCLIENT, all at once as soon as it has said for whom it speaks. From then on it
    /// is a stranger like any other: it can say it once.
    pub(super) async fn xclient(&mut self, said: XclientRequest) -> Result<(), End> {
        let said = said.over(self.speaks_for.take().map(|earlier| *earlier).unwrap_or_default());
        // The backend was told of somebody else, if of anybody, and so were the inspectors.
        self.correspondence.forget().await;
        if let Fact::Known(address) = said.address {
            self.spoken_for(address, said);
            self.nameless = false;
            self.count_client().await?;
            if let Some(checks) = self.checks.take() {
                checks.abort();
            }
            self.correspondence.early(Vec::new());
            self.start_checks();
        } else {
            self.speaks_for = Some(Box::new(said));
        }
        self.server.xclient_done(self.offer());
        Ok(())
    }

    /// Of the session with the proxy only the identifier and what was said before it are the client's as well.
    fn spoken_for(&mut self, address: IpAddr, said: XclientRequest) {
        let before = self.session.carried.as_deref();
        let destination = said.destination.known().map(|destination| {
            SocketAddr::new(destination.to_canonical(), said.destination_port.known().unwrap_or_default())
        });
        let carried = Carried {
            proxied_by: before.map_or(self.session.client, |before| before.proxied_by),
            destination: destination.or_else(|| before?.destination),
            client_name: said.name.known(),
            login: said.login.known(),
            speaker: Some(Arc::clone(&self.session)),
        };
        let client = SocketAddr::new(address, said.port.known().unwrap_or_default());
        self.session = Arc::new(Session {
            esmtp: said.esmtp.known().unwrap_or_default(),
            helo: said.helo.known().unwrap_or_default(),
            carried: Some(Arc::new(carried)),
            ..Session::new(self.session.id.clone(), client, self.session.listener)
        });
    }

    /// RFC 3207 §4.2: of what was said in clear nothing is left, be it of the client or of whom the client speaks for.
    /// A proxy has to say it again.
    pub(super) fn forget_spoken_for(&mut self) {
        let speaker = self.session.carried.as_ref().and_then(|carried| carried.speaker.clone());
        if speaker.is_some() || self.speaks_for.is_some() {
            self.speaks_for = Some(Box::default());
        }
        if let Some(speaker) = speaker {
            self.session = speaker;
        }
    }

    /// Counts the connection as the client's whom a proxy named; over its limits the client is turned away.
    async fn count_client(&mut self) -> Result<(), End> {
        let client = self.session.client;
        let Err(refusal) = self.ticket.identify(client.ip(), &self.setup.desk.settings.limits) else { return Ok(()) };
        let proxied_by = self.session.carried.as_ref().map(|carried| carried.proxied_by);
        self.house.log(LogLevel::Warning, "refused", &Refused { client, proxied_by, limit: refusal.name() });
        if !self.front.implicit_tls || self.wire.is_tls() {
            self.server.close_with(&refusal.reply());
            self.flush().await?;
        }
        Err(End::because("refused", refusal.name()))
    }
}

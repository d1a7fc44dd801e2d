//! One client's connection: read, feed the protocol machine, do one thing per event, flush.
//!
//! Everything the protocol decides is `smtpgw-smtp`'s; what a message is worth is decided in
//! [`crate::transaction`]. Here is the driver between them: the greeting at once (B0), deadlines for whole commands
//! and a minimum data rate for content, TLS (by STARTTLS or before the greeting), identity of the session, limits of a connection, and its record.
//! The task holds little while idle: the rare and large things (TLS session, backend leg, reception) are boxed or
//! not there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf as _;
use smtpgw_smtp::{CloseReason, HelloKind, Offer, Server, ServerEvent, ServerOptions, replies};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client_hello::ClientHello;
use crate::house::House;
use crate::inspect::Subject;
use crate::inspection::Opinion;
use crate::message::Session;
use crate::pace::Pace;
use crate::record::ConnectionRecord;
use crate::settings::LogLevel;
use crate::setup::{Front, Setup};
use crate::tls::Cause;
use crate::transaction::Correspondence;
use crate::wire::Wire;
use crate::world::{Instant, World, timeout, timeout_at};

/// One client.
pub(crate) struct Connection<W: World> {
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    wire: Wire<W::Stream>,
    server: Server,
    session: Arc<Session>,
    /// The backend, and the message under way.
    correspondence: Correspondence<W>,
    /// `on_connect`, asked after the greeting and consumed at the first MAIL (rule B1).
    checks: Option<JoinHandle<Vec<Opinion>>>,
    draining: watch::Receiver<bool>,
    /// By when the next command must be complete.
    deadline: Instant,
    handshake: Option<Duration>,
    client_hello: Option<Box<ClientHello>>,
    tls_failure: Option<Cause>,
    /// Whether STARTTLS is not offered, because of what the ledger says of this client.
    starttls_withheld: bool,
}

/// How a connection ended.
struct End {
    how: &'static str,
    error: Option<String>,
}

impl End {
    const fn of(how: &'static str) -> Self {
        Self { how, error: None }
    }

    fn because(how: &'static str, error: impl ToString) -> Self {
        Self { how, error: Some(error.to_string()) }
    }
}

/// Serves one client from accept to close.
pub(crate) async fn serve<W: World>(
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: usize,
    stream: W::Stream,
    client: SocketAddr,
    listener: SocketAddr,
    accepted: Instant,
) {
    let Some(front) = setup.fronts.get(front).map(Arc::clone) else { return };
    let mut wire = Wire::new(stream);
    let implicit = front.implicit_tls;
    if !implicit && !greet(&mut wire, &front, &setup).await {
        return;
    }
    let mut greeted = accepted.elapsed();
    let mut connection = Connection::new(house, setup, front, wire, client, listener);
    if implicit {
        // RFC 8314 §3.3: the greeting is the first thing under TLS. Boxed: an idle connection is past it.
        if let Err(end) = Box::pin(connection.start_tls()).await {
            return Box::pin(connection.close(end, accepted.elapsed(), accepted)).await;
        }
        if !greet(&mut connection.wire, &connection.front, &connection.setup).await {
            return Box::pin(connection.close(End::of("client-failed"), accepted.elapsed(), accepted)).await;
        }
        greeted = accepted.elapsed();
        connection.deadline = Instant::now() + connection.setup.desk.settings.limits.command_s;
    }
    connection.start_checks();
    let end = connection.run().await;
    Box::pin(connection.close(end, greeted, accepted)).await;
}

/// Writes the prepared greeting; whether it went out.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, front: &Front, setup: &Setup) -> bool {
    let mut greeting = front.greeting.to_vec();
    let patience = setup.desk.settings.limits.command_s;
    matches!(timeout(patience, wire.write(&mut greeting)).await, Ok(Ok(())))
}

impl<W: World> Connection<W> {
    fn new(
        house: Arc<House<W>>,
        setup: Arc<Setup>,
        front: Arc<Front>,
        wire: Wire<W::Stream>,
        client: SocketAddr,
        listener: SocketAddr,
    ) -> Self {
        let settings = &setup.desk.settings;
        let session =
            Arc::new(Session { id: house.unique(), client, listener, esmtp: false, helo: String::new(), tls: None });
        let mut limits = smtpgw_smtp::Limits::default();
        limits.command_line = settings.limits.command_line;
        limits.text_line = settings.limits.text_line;
        limits.message_size = settings.limits.message_size;
        limits.transactions = settings.limits.transactions;
        limits.recipients = settings.limits.recipients;
        limits.errors = settings.limits.errors;
        let options = ServerOptions {
            hostname: settings.hostname.as_str().into(),
            limits,
            bare_newline: settings.limits.bare_newline.into(),
        };
        let starttls_withheld =
            front.tls.is_some() && !front.implicit_tls && house.ledger.withholds_starttls(client.ip(), Instant::now());
        let server = Server::new(options, offer(&front, !starttls_withheld));
        Self {
            correspondence: Correspondence::new(Arc::clone(&house), Arc::clone(&setup), Arc::clone(&front)),
            deadline: Instant::now() + settings.limits.command_s,
            draining: house.draining.subscribe(),
            house,
            setup,
            front,
            wire,
            server,
            session,
            checks: None,
            handshake: None,
            client_hello: None,
            tls_failure: None,
            starttls_withheld,
        }
    }

    /// Asks `on_connect`, beside whatever the client does (rule B1).
    fn start_checks(&mut self) {
        let Some(panel) = &self.setup.desk.panel else { return };
        let subject = Subject::Connect(Arc::clone(&self.session));
        if panel.wants(&subject) {
            let panel = Arc::clone(panel);
            let deadline = Instant::now() + self.setup.desk.settings.verdict.budget_s;
            self.checks = Some(tokio::spawn(async move { panel.ask(subject, deadline).await }));
        }
    }

    async fn run(&mut self) -> End {
        loop {
            let received = self.server.receive(&self.wire.input);
            let consumed = received.consumed;
            let Some(event) = received.event else {
                if consumed > 0 {
                    self.wire.input.advance(consumed);
                } else if let Err(end) = self.read_more().await {
                    return end;
                }
                continue;
            };
            match event {
                ServerEvent::Content(octets) => {
                    self.correspondence.content(octets);
                    self.wire.input.advance(consumed);
                    continue;
                }
                ServerEvent::Hello { kind, name } => {
                    let name = name.to_owned();
                    self.wire.input.advance(consumed);
                    Box::pin(self.hello(kind, name)).await;
                }
                other => {
                    let act = Act::of(other);
                    self.wire.input.advance(consumed);
                    // Boxed: what a command needs while it runs is many times what an idle connection needs.
                    if let Err(end) = Box::pin(self.act(act)).await {
                        return end;
                    }
                }
            }
            self.deadline = Instant::now() + self.setup.desk.settings.limits.command_s;
        }
    }

    async fn act(&mut self, act: Act) -> Result<(), End> {
        match act {
            Act::Mail(event) => self.mail(*event).await?,
            Act::Recipient(event) => self.recipient(*event).await,
            Act::Data => {
                self.server.start_content();
                self.correspondence.begin_content();
            }
            Act::ChunkStart => self.correspondence.begin_content(),
            Act::EndOfData => {
                let reply = self.correspondence.end_of_data().await;
                self.server.reply(&reply);
                self.flush().await?;
            }
            Act::ContentRefused(why) => self.correspondence.content_refused(why).await,
            Act::Reset => self.correspondence.reset().await,
            Act::Starttls => self.start_tls().await?,
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

    async fn hello(&mut self, kind: HelloKind, name: String) {
        self.correspondence.hello(&self.session, &name).await;
        self.session =
            Arc::new(Session { esmtp: kind == HelloKind::Ehlo, helo: name, ..Session::clone(&self.session) });
        // What the backend was last seen to offer may have changed since the last EHLO.
        self.server.set_offer(offer(&self.front, !self.wire.is_tls() && !self.starttls_withheld));
    }

    async fn mail(&mut self, event: MailEvent) -> Result<(), End> {
        if self.house.is_draining() {
            return self.hang_up(&replies::SHUTTING_DOWN, "drain").await;
        }
        if let Some(checks) = self.checks.take() {
            // Bounded by its own deadline; a panic in it is an inspector's failure and says nothing on the client.
            self.correspondence.early(checks.await.unwrap_or_default());
        }
        if self.correspondence.backend_is_down() {
            return self.hang_up(&replies::BACKEND_DOWN, "backend-down").await;
        }
        let ahead = self.server.recipients_ahead(&self.wire.input).into_iter().map(|(path, _)| path).collect();
        let reply = self.correspondence.mail(&self.session, event.reverse_path, event.parameters, ahead).await;
        self.server.reply(&reply);
        Ok(())
    }

    async fn recipient(&mut self, event: RecipientEvent) {
        let reply = self.correspondence.recipient(&self.session, event.forward_path).await;
        self.server.reply(&reply);
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        self.flush().await?;
        let Some(tls) = &self.front.tls else { return Err(End::of("tls-not-configured")) };
        let config = Arc::clone(&tls.config);
        let begun = Instant::now();
        let patience = self.setup.desk.settings.limits.handshake_s;
        // Boxed: the handshake's future is large and short-lived.
        let handshake = Box::pin(self.wire.accept_tls(config, &mut self.client_hello));
        let facts = match timeout(patience, handshake).await {
            Ok(Ok(facts)) => facts,
            Ok(Err(error)) => {
                self.tls_failure = Some(Cause::of(&error));
                return Err(End::because("tls-failed", error));
            }
            Err(_) => {
                self.tls_failure = Some(Cause::Timeout);
                return Err(End::of("tls-timeout"));
            }
        };
        self.handshake = Some(begun.elapsed());
        self.house.ledger.succeeded(self.session.client.ip(), Instant::now());
        // RFC 3207 §4.2: everything learnt in clear is forgotten.
        self.correspondence.forget().await;
        self.server.starttls_done(offer(&self.front, false));
        let session = Session { esmtp: false, helo: String::new(), tls: Some(facts), ..Session::clone(&self.session) };
        self.session = Arc::new(session);
        Ok(())
    }

    /// Writes the replies that are due, then waits for octets: a command within its deadline, content at its pace.
    async fn read_more(&mut self) -> Result<(), End> {
        if let Some(pace) = self.correspondence.take_pace() {
            return Box::pin(self.content_stage(pace)).await;
        }
        let stalled = !self.server.wants_input();
        self.flush().await?;
        if stalled && self.server.wants_input() && !self.wire.input.is_empty() {
            // Reading had stopped because replies waited to be written; what is buffered comes first (rule B3).
            return Ok(());
        }
        let Self { wire, draining, server, deadline, .. } = self;
        let drained = async {
            if server.in_transaction() {
                std::future::pending::<()>().await;
            }
            // An error means that the gateway is gone, and so are we in a moment.
            let _ = draining.wait_for(|draining| *draining).await;
        };
        let read = tokio::select! {
            read = timeout_at(*deadline, wire.read()) => Some(read),
            () = drained => None,
        };
        match read {
            Some(Ok(Ok(0))) => Err(End::of("client-closed")),
            Some(Ok(Ok(_))) => Ok(()),
            Some(Ok(Err(error))) => Err(End::because("client-failed", error)),
            Some(Err(_)) => self.hang_up(&replies::TIMEOUT, "timeout").await,
            None => self.hang_up(&replies::SHUTTING_DOWN, "drain").await,
        }
    }

    async fn content_stage(&mut self, mut pace: Pace) -> Result<(), End> {
        self.correspondence.settle().await;
        let stalled = !self.server.wants_input();
        self.flush().await?;
        // As between commands: the replies to many small chunks may have stopped reading (rule B3).
        let buffered = stalled && self.server.wants_input() && !self.wire.input.is_empty();
        let read = if buffered { Ok(()) } else { self.read_content(&mut pace).await };
        self.correspondence.put_pace(pace);
        read
    }

    /// One read of content: the backend is kept awake and hung inspectors are noticed while the client dribbles.
    async fn read_content(&mut self, pace: &mut Pace) -> Result<(), End> {
        loop {
            // First, for it may wait for the backend, and that is not the client's time.
            let look = self.correspondence.look_after().await;
            let begun = Instant::now();
            let deadline = pace.deadline(begun);
            let look = look.unwrap_or(deadline);
            let read = timeout_at(deadline.min(look).min(begun + WATCH), self.wire.read()).await;
            pace.waited(begun.elapsed());
            match read {
                Ok(Ok(0)) => return Err(End::of("client-closed")),
                Ok(Ok(octets)) => {
                    pace.received(octets);
                    return Ok(());
                }
                Ok(Err(error)) => return Err(End::because("client-failed", error)),
                Err(_) if Instant::now() >= deadline => {
                    return self.hang_up(&replies::TIMEOUT, "too-slow").await;
                }
                Err(_) => {}
            }
        }
    }

    /// Says a last word (a 421) and ends.
    async fn hang_up(&mut self, reply: &smtpgw_smtp::Reply, how: &'static str) -> Result<(), End> {
        self.server.close_with(reply);
        self.flush().await?;
        Err(End::of(how))
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.server.output().is_empty() {
            return Ok(());
        }
        let patience = self.setup.desk.settings.limits.command_s;
        match timeout(patience, self.wire.write(self.server.output())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::because("client-failed", error)),
            Err(_) => Err(End::of("client-does-not-read")),
        }
    }

    async fn close(mut self, end: End, greeted: Duration, accepted: Instant) {
        if let Some(checks) = self.checks.take() {
            checks.abort();
        }
        self.correspondence.abandon().await;
        let transactions = self.correspondence.count();
        let relayed = self.correspondence.relayed();
        self.correspondence.forget().await;
        // The peer may be gone or may not read; close_notify and FIN are a courtesy with a short limit.
        let _ = timeout(FAREWELL, self.wire.shutdown()).await;
        let session = &self.session;
        let tls_failures =
            self.tls_failure.map(|cause| self.house.ledger.failed(session.client.ip(), cause, Instant::now()));
        let record = ConnectionRecord {
            session: session.id.clone(),
            client: session.client,
            listener: session.listener,
            helo: session.helo.clone(),
            tls: session.tls.clone(),
            client_hello: self.client_hello.take(),
            tls_failure: self.tls_failure,
            tls_failures,
            starttls_withheld: self.starttls_withheld,
            end: end.how,
            error: end.error,
            transactions,
            relayed,
            errors: self.server.errors(),
            greeting_s: greeted,
            handshake_s: self.handshake,
            duration_s: accepted.elapsed(),
        };
        self.house.log(LogLevel::Info, "connection", &record);
    }
}

/// An event without its ties to the read buffer. Boxed where large: the enum is held across every await of a
/// connection.
enum Act {
    Mail(Box<MailEvent>),
    Recipient(Box<RecipientEvent>),
    Data,
    ChunkStart,
    EndOfData,
    ContentRefused(smtpgw_smtp::ContentError),
    Reset,
    Starttls,
    Quit,
    Close(CloseReason),
    Answered,
}

struct MailEvent {
    reverse_path: smtpgw_smtp::ReversePath,
    parameters: smtpgw_smtp::MailParameters,
}

struct RecipientEvent {
    forward_path: smtpgw_smtp::ForwardPath,
}

impl Act {
    fn of(event: ServerEvent<'_>) -> Self {
        match event {
            ServerEvent::Mail { reverse_path, parameters } => {
                Self::Mail(Box::new(MailEvent { reverse_path, parameters }))
            }
            ServerEvent::Recipient { forward_path, .. } => Self::Recipient(Box::new(RecipientEvent { forward_path })),
            ServerEvent::Data => Self::Data,
            ServerEvent::ChunkStart => Self::ChunkStart,
            ServerEvent::EndOfData => Self::EndOfData,
            ServerEvent::ContentRefused(why) => Self::ContentRefused(why),
            ServerEvent::Reset => Self::Reset,
            ServerEvent::Starttls => Self::Starttls,
            ServerEvent::Quit => Self::Quit,
            ServerEvent::Close(reason) => Self::Close(reason),
            // Handled by the caller, or answered by the machine itself.
            _ => Self::Answered,
        }
    }
}

/// What EHLO announces: what the backend can do with us, and STARTTLS where it is due.
fn offer(front: &Front, starttls: bool) -> Offer {
    Offer { starttls: starttls && front.tls.is_some(), ..front.backend.offer() }
}

/// How often a connection in mid-content looks after its backend.
const WATCH: Duration = Duration::from_secs(20);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::RealWorld;

    /// The size of what `serve` returns, without calling it.
    fn size<A, B, C, D, E, F, G, T>(_: impl FnOnce(A, B, C, D, E, F, G) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let octets = size(serve::<RealWorld>);
        assert!(octets <= 2_048, "a connection's task takes {octets} octets; box what is rare or large");
    }
}

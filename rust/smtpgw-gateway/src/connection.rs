//! One client's connection: read, feed the protocol machine, do one thing per event, flush.
//!
//! Everything the protocol decides is `smtpgw-smtp`'s; what a message is worth is decided in
//! [`crate::transaction`]. Here is the driver between them: the greeting at once (B0), deadlines for whole commands
//! and a minimum data rate for content, TLS (by STARTTLS or before the greeting), identity of the session, limits of a
//! connection, and its record. The task holds little while idle: the rare and large things (TLS session, backend leg,
//! reception) are boxed or not there.

mod act;
mod auth;
mod end;
mod entrance;
mod handshake;
mod refusals;
mod tunnel;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf as _;
use smtpgw_smtp::{HelloKind, Mechanisms, Offer, Server, ServerEvent, XclientRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroize as _;

use self::act::Act;
use self::end::End;
use self::refusals::Refusals;
use crate::admission::Ticket;
use crate::client_hello::ClientHello;
use crate::house::{Drain, House};
use crate::inspect::Subject;
use crate::inspection::Opinion;
use crate::message::Session;
use crate::record::TunnelRecord;
use crate::settings;
use crate::setup::{Front, Setup};
use crate::tls::Cause;
use crate::transaction::Correspondence;
use crate::wire::Wire;
use crate::world::{Instant, World, timeout};

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
    drain: watch::Receiver<Drain>,
    /// By when the next command must be complete.
    deadline: Instant,
    handshake: Option<Duration>,
    client_hello: Option<Arc<ClientHello>>,
    tls_failure: Option<Cause>,
    /// Whether STARTTLS is not offered, because of what the ledger says of this client.
    starttls_withheld: bool,
    /// What was said by XCLIENT so far, as long as it is not said whom it is for.
    speaks_for: Option<Box<XclientRequest>>,
    /// A proxy has brought it and did not say from whom: no mail is taken, which a backend would take for the proxy's.
    nameless: bool,
    /// Its place, given back when it ends.
    ticket: Ticket,
    /// What went through unseen, once it has.
    tunnelled: Option<Box<TunnelRecord>>,
    /// What was refused. Boxed: hardly anything is.
    refusals: Option<Box<Refusals>>,
}

/// Somebody who has just been accepted.
pub(crate) struct Arrival {
    /// The remote side.
    pub(crate) client: SocketAddr,
    /// Our own address that it connected to.
    pub(crate) listener: SocketAddr,
    pub(crate) accepted: Instant,
    /// Whether a PROXY header comes first.
    pub(crate) proxied: bool,
    pub(crate) ticket: Ticket,
}

/// Serves one client from accept to close. What it takes to begin is in a box of its own, which is gone once it has.
pub(crate) fn serve<W: World>(
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    stream: W::Stream,
    arrival: Arrival,
) -> impl Future<Output = ()> + Send {
    let accepted = arrival.accepted;
    let begun = Box::pin(begin(house, setup, front, stream, arrival));
    async move {
        let Some((mut connection, greeted)) = begun.await else { return };
        let end = connection.run().await;
        Box::pin(connection.close(end, greeted, accepted)).await;
    }
}

/// Greets a client, and how long that took; `None` if it has ended already.
async fn begin<W: World>(
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    stream: W::Stream,
    arrival: Arrival,
) -> Option<(Connection<W>, Duration)> {
    let mut wire = Wire::new(stream);
    let (accepted, proxied) = (arrival.accepted, arrival.proxied);
    let at_once = !proxied && !front.implicit_tls;
    // A fact, and no reason to wait: the greeting goes out at once (rule B0).
    let early_talker = at_once && wire.has_spoken(&house.world);
    if at_once && !greet(&mut wire, &front, &setup).await {
        return None;
    }
    let mut greeted = accepted.elapsed();
    let mut connection = Connection::new(house, setup, front, wire, arrival);
    if !at_once {
        if let Err(end) = Box::pin(connection.before_greeting(proxied)).await {
            Box::pin(connection.close(end, accepted.elapsed(), accepted)).await;
            return None;
        }
        greeted = accepted.elapsed();
        connection.deadline = Instant::now() + connection.setup.desk.settings.limits.command_s;
    }
    if early_talker {
        connection.session = Arc::new(Session { early_talker, ..Session::clone(&connection.session) });
    }
    connection.start_checks();
    Some((connection, greeted))
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
        arrival: Arrival,
    ) -> Self {
        let settings = &setup.desk.settings;
        let client = arrival.client;
        let session = Arc::new(Session::new(house.unique(), client, arrival.listener));
        let starttls_withheld = withholds_starttls(&house, &front, client);
        let speaks_for = front.is_xclient(client.ip());
        let server = Server::new(
            Arc::clone(&setup.server),
            offer(&front, &settings.limits, false, !starttls_withheld, speaks_for),
        );
        Self {
            correspondence: Correspondence::new(Arc::clone(&house), Arc::clone(&setup), Arc::clone(&front)),
            deadline: Instant::now() + settings.limits.command_s,
            drain: house.drain.subscribe(),
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
            speaks_for: speaks_for.then(Box::default),
            nameless: false,
            ticket: arrival.ticket,
            tunnelled: None,
            refusals: None,
        }
    }

    /// What the next EHLO announces.
    fn offer(&self) -> Offer {
        let limits = &self.setup.desk.settings.limits;
        let tls = self.wire.is_tls();
        offer(&self.front, limits, tls, !tls && !self.starttls_withheld, self.speaks_for.is_some())
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
            match self.step() {
                Next::Read => {
                    if let Err(end) = self.read_more().await {
                        return end;
                    }
                    continue;
                }
                Next::Step => continue,
                Next::Hello(kind, name) => Box::pin(self.hello(kind, name)).await,
                Next::Act(act) => {
                    if let Err(end) = self.act(act).await {
                        return end;
                    }
                }
            }
            self.deadline = Instant::now() + self.setup.desk.settings.limits.command_s;
        }
    }

    /// One step of the protocol machine. Whatever it shows of the input is used or copied here: an idle connection
    /// holds none of it.
    fn step(&mut self) -> Next {
        let received = self.server.receive(&self.wire.input);
        let consumed = received.consumed;
        let next = match received.event {
            None if consumed == 0 => return Next::Read,
            None => Next::Step,
            Some(ServerEvent::Content(octets)) => {
                self.correspondence.content(octets);
                Next::Step
            }
            Some(ServerEvent::Hello { kind, name }) => Next::Hello(kind, name.into_owned()),
            Some(other) => {
                if let (ServerEvent::Answered(Err(error)), Some(line)) = (&other, self.wire.input.get(..consumed)) {
                    self.refusals.get_or_insert_default().note_line(line, &error.reply());
                }
                let act = Act::of(other);
                if act.is_secret()
                    && let Some(said) = self.wire.input.get_mut(..consumed)
                {
                    said.zeroize();
                }
                Next::Act(act)
            }
        };
        self.wire.input.advance(consumed);
        next
    }
}

/// What is to be done next.
enum Next {
    /// Nothing is left in the input.
    Read,
    /// A further step.
    Step,
    Hello(HelloKind, String),
    Act(Act),
}

/// Whether STARTTLS is not offered to a client, because of what the ledger says of it.
fn withholds_starttls<W: World>(house: &House<W>, front: &Front, client: SocketAddr) -> bool {
    let in_clear_is_mail = front.tls.is_some() && !front.implicit_tls && !front.requires_tls;
    in_clear_is_mail && house.ledger.withholds_starttls(client.ip(), Instant::now())
}

/// What EHLO announces: what the backend can do with us, STARTTLS where it is due, AUTH under TLS (`tls`) where it is
/// handed on, XCLIENT to those who must use it.
fn offer(front: &Front, limits: &settings::Limits, tls: bool, starttls: bool, xclient: bool) -> Offer {
    let backend = front.routes.offer(limits.message_size);
    Offer {
        starttls: starttls && (front.tls.is_some() || front.tunnel),
        xclient,
        auth: if tls && front.auth { backend.auth } else { Mechanisms::EMPTY },
        binary_mime: backend.binary_mime && limits.binary_mime,
        ..backend
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::RealWorld;

    /// The size of what `serve` returns, without calling it.
    fn size<A, B, C, D, E, T>(_: impl FnOnce(A, B, C, D, E) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let octets = size(serve::<RealWorld>);
        assert!(octets <= 1_280, "a connection's task takes {octets} octets; box what is rare or large");
    }
}

//! Accepting: one task a listener, one task a connection, and the greeting at once (rule B0).
//!
//! Between `accept` and the write of the greeting there are counters and the start of a task: no name service, no
//! backend, no disk, no Python. When descriptors run out accepting pauses; it never spins.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use crate::admission::Refusal;
use crate::connection::{self, Arrival};
use crate::house::{Drain, House};
use crate::message::canonical;
use crate::record::{Notice, Refused};
use crate::settings::LogLevel;
use crate::world::{Instant, Listen as _, World, sleep, timeout};

/// Serves one listener until the gateway drains, then waits for its connections.
pub(crate) async fn serve<W: World>(house: Arc<House<W>>, listener: W::Listener, front: usize) {
    let mut connections = JoinSet::new();
    let mut drain = house.drain.subscribe();
    let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
    let mut rest = ACCEPT_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = drain.wait_for(Drain::has_begun) => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                note_panic(&house, ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                rest = ACCEPT_PAUSE;
                let address = bound_to(&house, &stream, address);
                admit(&house, &mut connections, stream, canonical(client), address, front);
            }
            Err(error) if is_harmless(&error) => {}
            Err(error) => {
                house.log(LogLevel::Error, "accept-failed", &Notice { message: error.to_string() });
                tokio::select! {
                    biased;
                    _ = drain.wait_for(Drain::has_begun) => break,
                    () = sleep(rest) => rest = LONGEST_PAUSE.min(rest * 2),
                }
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note_panic(&house, ended);
    }
}

/// Where the client connected to: of a listener on all addresses only the socket knows.
fn bound_to<W: World>(house: &House<W>, stream: &W::Stream, address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => house.world.local_addr(stream).unwrap_or(address),
        false => address,
    }
}

fn admit<W: World>(
    house: &Arc<House<W>>,
    connections: &mut JoinSet<()>,
    stream: W::Stream,
    client: SocketAddr,
    address: SocketAddr,
    front_number: usize,
) {
    let accepted = Instant::now();
    let setup = house.setup.load_full();
    let limits = &setup.desk.settings.limits;
    let Some(front) = setup.fronts.get(front_number).map(Arc::clone) else { return };
    let proxied = front.is_proxy(client.ip());
    let memory = if setup.desk.budget.is_exhausted() { Err(Refusal::Memory) } else { Ok(()) };
    let admitted = memory.and_then(|()| house.admission.admit(front_number, limits)).and_then(|mut ticket| {
        // Who speaks for others is not counted itself; whom it speaks for is, as soon as that is said.
        if !proxied && !front.is_xclient(client.ip()) {
            ticket.identify(client.ip(), limits)?;
        }
        Ok(ticket)
    });
    match admitted {
        Ok(ticket) => {
            let arrival = Arrival { client, listener: address, accepted, proxied, ticket };
            connections.spawn(connection::serve(Arc::clone(house), setup, front, stream, arrival));
        }
        Err(refusal) => {
            // A refused client costs its 421 and no more; these tasks are bounded by their own short limit.
            drop(connections.spawn(turn_away(Arc::clone(house), stream, client, refusal, front.implicit_tls)));
        }
    }
}

async fn turn_away<W: World>(
    house: Arc<House<W>>,
    mut stream: W::Stream,
    client: SocketAddr,
    refusal: Refusal,
    implicit_tls: bool,
) {
    let mut output = Vec::new();
    // Where TLS comes first, a word in clear is one that nobody understands.
    if !implicit_tls {
        refusal.reply().write_to(&mut output);
    }
    let _ = timeout(TURN_AWAY, async {
        stream.write_all(&output).await?;
        stream.shutdown().await
    })
    .await;
    house.log(LogLevel::Warning, "refused", &Refused { client, proxied_by: None, limit: refusal.name() });
}

/// A failed accept is mostly the client's own reset, which costs nothing; out of descriptors, accepting must wait.
fn is_harmless(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput)
}

fn note_panic<W: World>(house: &House<W>, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        house.log(LogLevel::Error, "panic", &Notice { message: error.to_string() });
    }
}

/// How long accepting rests after the system had no descriptor or memory for a connection: a moment at first, twice
/// as long each time it was in vain, never so long that whoever waits would give up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a refused client may take to read its 421.
const TURN_AWAY: Duration = Duration::from_secs(2);

//! Octets passed both ways between two streams, unseen: what `tls = "tunnel"` does behind STARTTLS.
//!
//! Nothing is read into what passes, except the client's hello, which is in clear (RFC 8446 §4.1.2). Bounded all the
//! same: a fixed buffer each way, so that who does not read stops who writes; an end when nothing has moved for a
//! while; and a minimum rate for whatever a client sends in one go, since a message that dribbles in here holds a
//! connection of the server behind as well.
//!
//! An end of one side is passed on to the other, and the way back stays open until that has ended too.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};

use crate::client_hello::{ClientHello, Reader};
use crate::pace::Pace;
use crate::world::{Instant, sleep_until};

/// How slow a tunnel may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The longest silence of both sides.
    pub(crate) idle: Duration,
    /// Octets a second that a client must at least send while it is sending.
    pub(crate) rate: u64,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) to_backend: u64,
    pub(crate) to_client: u64,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Both sides have ended.
    Closed,
    /// One has failed.
    Failed(io::Error),
    /// Nothing has moved for too long.
    Idle,
    /// The client dribbled.
    TooSlow,
    /// Nobody wants it any more.
    Over,
}

/// Passes everything on until it ends, or until it is `over`. `hello` is what the client says of itself in its first
/// octets.
pub(crate) async fn pass<A, B>(
    client: A,
    backend: B,
    bounds: Bounds,
    hello: &mut Option<Arc<ClientHello>>,
    over: impl Future<Output = ()>,
) -> (Ended, Passed)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let meter = Mutex::new(Meter::new(bounds));
    let (from_client, to_client) = split(client);
    let (from_backend, to_backend) = split(backend);
    let up = pump(from_client, to_backend, |octets| meter.lock().client_sent(octets));
    let down = pump(from_backend, to_client, |octets| meter.lock().backend_sent(octets));
    let ended = tokio::select! {
        both = async { tokio::try_join!(up, down) } => match both {
            Ok(_) => Ended::Closed,
            // Programs hang up on what still comes once they are done.
            Err(Stop::Io(_)) if meter.lock().half_closed => Ended::Closed,
            Err(Stop::Io(error)) => Ended::Failed(error),
            Err(Stop::TooSlow) => Ended::TooSlow,
        },
        () = silence(&meter) => Ended::Idle,
        () = over => Ended::Over,
    };
    let meter = meter.into_inner();
    if let Some(Ok(found)) = meter.reader.outcome() {
        *hello = Some(Arc::new(found.clone()));
    }
    (ended, meter.passed)
}

/// Why a pump stops before the end of its stream.
enum Stop {
    Io(io::Error),
    TooSlow,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut into: impl AsyncWrite + Unpin,
    mut note: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        let octets = buffer.get(..read).unwrap_or_default();
        note(octets)?;
        if octets.is_empty() {
            into.shutdown().await?;
            return Ok(());
        }
        into.write_all(octets).await?;
        into.flush().await?;
    }
}

/// Returns once nothing has moved for as long as is allowed.
async fn silence(meter: &Mutex<Meter>) {
    loop {
        let until = meter.lock().idle_at();
        if Instant::now() >= until {
            return;
        }
        sleep_until(until).await;
    }
}

/// Counts, and knows whose turn it is: as long as the client sends and nothing comes back, the time between its octets
/// is its own.
struct Meter {
    bounds: Bounds,
    passed: Passed,
    moved: Instant,
    /// One side has said all it had to say.
    half_closed: bool,
    /// While the client is sending.
    pace: Option<Pace>,
    reader: Reader,
}

impl Meter {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            passed: Passed::default(),
            moved: Instant::now(),
            half_closed: false,
            pace: None,
            reader: Reader::new(),
        }
    }

    fn idle_at(&self) -> Instant {
        self.moved + self.bounds.idle
    }

    fn client_sent(&mut self, octets: &[u8]) -> Result<(), Stop> {
        let now = Instant::now();
        self.half_closed |= octets.is_empty();
        if self.reader.outcome().is_none() {
            self.reader.read(octets);
        }
        match &mut self.pace {
            Some(pace) => {
                pace.waited(now.saturating_duration_since(self.moved));
                if pace.deadline(now) <= now {
                    return Err(Stop::TooSlow);
                }
                pace.received(octets.len());
            }
            // What came before these was the server's to answer, or the client's to think about.
            pace @ None => pace.insert(Pace::new(self.bounds.rate)).received(octets.len()),
        }
        self.moved = now;
        self.passed.to_backend += octets.len() as u64;
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of what pump calls")]
    fn backend_sent(&mut self, octets: &[u8]) -> Result<(), Stop> {
        self.half_closed |= octets.is_empty();
        self.pace = None;
        self.moved = Instant::now();
        self.passed.to_client += octets.len() as u64;
        Ok(())
    }
}

/// Octets on their way in one direction. Of a TLS record at its largest, one and a bit; a tunnel has two.
const BUFFER: usize = 16 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::*;

    const BOUNDS: Bounds = Bounds { idle: Duration::from_secs(300), rate: 500 };

    /// A tunnel, the client's end and the backend's end.
    fn open(room: usize) -> (JoinHandle<(Ended, Passed)>, DuplexStream, DuplexStream) {
        let ((client, near), (far, backend)) = (duplex(room), duplex(room));
        let tunnel = tokio::spawn(async move { pass(near, far, BOUNDS, &mut None, std::future::pending()).await });
        (tunnel, client, backend)
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_in_comes_out_and_an_end_is_passed_on() {
        let (tunnel, mut client, mut backend) = open(64);
        let sent: Vec<u8> = (0..100_000_u32).map(|number| number.to_be_bytes()[3]).collect();
        let expected = sent.clone();
        let sending = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        });
        let mut came = Vec::new();
        backend.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, expected);
        backend.write_all(b"the way back is open").await.unwrap();
        drop(backend);
        assert_eq!(sending.await.unwrap(), b"the way back is open");
        let (ended, passed) = tunnel.await.unwrap();
        assert!(matches!(ended, Ended::Closed), "{ended:?}");
        assert_eq!(passed, Passed { to_backend: 100_000, to_client: 20 });
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_so_does_a_peer_that_does_not_read() {
        let (tunnel, _client, _backend) = open(64);
        assert!(matches!(tunnel.await.unwrap().0, Ended::Idle));
        let (tunnel, mut client, _backend) = open(64);
        let _ = client.write_all(&[0; 100_000]).await;
        assert!(matches!(tunnel.await.unwrap().0, Ended::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn who_dribbles_is_cut_off_and_who_waits_for_an_answer_is_not() {
        let (tunnel, mut client, mut backend) = open(1 << 20);
        for _ in 0..20 {
            client.write_all(b"command").await.unwrap();
            sleep(Duration::from_secs(250)).await;
            backend.write_all(b"reply").await.unwrap();
            sleep(Duration::from_secs(250)).await;
        }
        assert!(!tunnel.is_finished());
        for _ in 0..10 {
            let _ = client.write_all(b"x").await;
            sleep(Duration::from_secs(20)).await;
        }
        assert!(matches!(tunnel.await.unwrap().0, Ended::TooSlow));
    }
}

//! A world made of turmoil's network and clock, in which one I/O operation of the gateway can be made to fail.
//!
//! Every read and write the gateway polls for is counted; at the operation that the [`Fault`] names, the stream it
//! happens on breaks, and stays broken: the peer sees its end, the gateway sees an error or an end of stream.
//!
//! It can also lie ([`crate::lies`]), so that the gateway looks broken and the oracle must say so.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use smtpgw_gateway::world::{Listen, World};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

use crate::lies::{Direction, Lies, Side};

/// What breaks, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which operation, counted from 0 over all streams of the run.
    pub at: u64,
    pub how: How,
}

/// How a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// An error on this and every later operation.
    Reset,
    /// The end of the stream: reads give nothing, writes fail.
    End,
    /// One octet is written, then it breaks; reads break at once.
    PartialWrite,
}

impl How {
    pub const ALL: [Self; 3] = [Self::Reset, Self::End, Self::PartialWrite];
}

#[derive(Clone, Debug)]
pub struct SimWorld {
    pub seed: u64,
    pub fault: Option<Fault>,
    pub operations: Arc<AtomicU64>,
    /// So many calls of accept fail for want of descriptors.
    pub short_of_descriptors: Arc<AtomicU64>,
    /// How long a client that connects waits to be accepted.
    pub accepts_after: Duration,
    /// The wall clock jumps at each look at it, by years and both ways.
    pub clock_jumps: bool,
    pub lies: Lies,
    rolls: Arc<AtomicU64>,
    looks: Arc<AtomicU64>,
}

impl SimWorld {
    pub fn new(seed: u64, fault: Option<Fault>) -> Self {
        Self {
            seed,
            fault,
            operations: Arc::default(),
            short_of_descriptors: Arc::default(),
            accepts_after: Duration::ZERO,
            clock_jumps: false,
            lies: Lies::default(),
            rolls: Arc::default(),
            looks: Arc::default(),
        }
    }

    fn stream(&self, stream: TcpStream, side: Side) -> SimStream {
        SimStream { inner: Some(stream), broken: None, side, world: self.clone() }
    }
}

impl World for SimWorld {
    type Stream = SimStream;
    type Listener = SimListener;

    async fn bind(&self, address: &str) -> io::Result<SimListener> {
        Ok(SimListener { inner: TcpListener::bind(address.to_owned()).await?, world: self.clone() })
    }

    async fn resolve(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        let (hosts, port) = address.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let port = port.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        match hosts {
            "unknown" => return Err(io::Error::other("no such name")),
            "unanswered" => std::future::pending().await,
            _ => {}
        }
        // A name of several hosts: "one+two".
        Ok(hosts.split('+').map(|host| SocketAddr::new(turmoil::lookup(host), port)).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<SimStream> {
        // A kernel that is told to give up on a connection that is just being made resets it; turmoil leaves the other
        // end open for ever. So it is made by a task, and closed if nobody wants it any more.
        let dialled = tokio::spawn(TcpStream::connect(address));
        Ok(self.stream(dialled.await.map_err(io::Error::other)??, Side::Backend))
    }

    fn local_addr(&self, stream: &SimStream) -> io::Result<SocketAddr> {
        stream.inner.as_ref().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    fn has_spoken(&self, stream: &mut SimStream) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut octet = [0];
        let mut octet = ReadBuf::new(&mut octet);
        let peeked = stream.inner.as_mut().map(|stream| stream.poll_peek(&mut context, &mut octet));
        matches!(peeked, Some(Poll::Ready(Ok(1..))))
    }

    fn now(&self) -> SystemTime {
        let years = [57, 1, 90, 0, 3_000, 56][usize::try_from(self.looks.fetch_add(1, Ordering::Relaxed) % 6).unwrap()];
        let seconds = if self.clock_jumps { years * 31_557_600 } else { 1_800_000_000 };
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + turmoil::sim_elapsed().unwrap_or_default()
    }

    fn random(&self) -> u64 {
        // SplitMix64: enough to make names differ, and the same in every run of a seed.
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed) + 1;
        let mut mixed = self.seed.wrapping_add(roll.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Too many open files.
const EMFILE: i32 = 24;

pub struct SimListener {
    inner: TcpListener,
    world: SimWorld,
}

impl Listen for SimListener {
    type Stream = SimStream;

    async fn accept(&self) -> io::Result<(SimStream, SocketAddr)> {
        let short = &self.world.short_of_descriptors;
        if short.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let (stream, peer) = self.inner.accept().await?;
        if !self.world.accepts_after.is_zero() {
            tokio::time::sleep(self.world.accepts_after).await;
        }
        Ok((self.world.stream(stream, Side::Client), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A stream that breaks when its world says so.
#[derive(Debug)]
pub struct SimStream {
    /// Dropped when it breaks, so that the peer sees it.
    inner: Option<TcpStream>,
    broken: Option<How>,
    side: Side,
    world: SimWorld,
}

impl SimStream {
    /// Counts an operation. `Some` if this is the one that breaks.
    fn count(&mut self) -> Option<How> {
        let at = self.world.operations.fetch_add(1, Ordering::Relaxed);
        self.world.fault.filter(|fault| fault.at == at && self.broken.is_none()).map(|fault| fault.how)
    }

    fn break_off(&mut self, how: How) {
        self.broken = Some(how);
        self.inner = None;
    }

    fn failed(&self) -> io::Error {
        match self.broken {
            Some(How::Reset) => io::ErrorKind::ConnectionReset.into(),
            _ => io::ErrorKind::BrokenPipe.into(),
        }
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if self.world.lies.leaks {
            std::mem::forget(self.inner.take());
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(how) = this.count() {
            this.break_off(how);
        }
        match &mut this.inner {
            Some(stream) => {
                let before = into.filled().len();
                let read = Pin::new(stream).poll_read(context, into);
                if let (Poll::Ready(Ok(())), Some(lie)) = (&read, &this.world.lies.words) {
                    let told = lie(this.side, Direction::In, &into.filled()[before..]);
                    into.set_filled(before);
                    into.put_slice(&told);
                }
                read
            }
            None if this.broken == Some(How::End) => Poll::Ready(Ok(())),
            None => Poll::Ready(Err(this.failed())),
        }
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(how) = this.count() {
            if let (How::PartialWrite, Some(stream)) = (how, &mut this.inner) {
                let _ = Pin::new(stream).poll_write(context, &octets[..1]);
            }
            this.break_off(how);
        }
        match &mut this.inner {
            Some(stream) => match &this.world.lies.words {
                None => Pin::new(stream).poll_write(context, octets),
                Some(lie) => {
                    let told = lie(this.side, Direction::Out, octets);
                    Pin::new(stream).poll_write(context, &told).map_ok(|_| octets.len())
                }
            },
            None => Poll::Ready(Err(this.failed())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Some(stream) => Pin::new(stream).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.inner {
            Some(_) if this.world.lies.leaks => Poll::Ready(Ok(())),
            Some(stream) => Pin::new(stream).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}

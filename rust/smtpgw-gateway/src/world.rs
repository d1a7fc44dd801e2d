//! The gateway's one door to the world: sockets, clock, timers, randomness (rule S1).
//!
//! Nothing else in this crate names a socket type, reads a clock or rolls dice, and a test over the sources keeps
//! it so. [`RealWorld`] is the kernel's. The simulation in `tests/` is another [`World`], with a network in memory
//! and a clock that jumps, in which a fault can be placed at every await point and replayed from a seed.
//!
//! Timers are tokio's in both: a simulated clock is tokio's own, paused.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
pub use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// A place where the gateway can run.
pub trait World: Clone + Send + Sync + 'static {
    /// A byte stream to a peer; TCP_NODELAY is set (rule N1).
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static;
    /// A bound listener.
    type Listener: Listen<Stream = Self::Stream>;

    /// Binds `address` (`host:port`).
    fn bind(&self, address: &str) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The addresses of `address` (`host:port`), the best first; the caller bounds the wait.
    fn resolve(&self, address: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to `address`; the caller bounds the wait.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Our own address that the peer of an accepted stream connected to.
    fn local_addr(&self, stream: &Self::Stream) -> io::Result<SocketAddr>;

    /// Whether the peer has sent octets that wait to be read. Never waits, and reads nothing.
    fn has_spoken(&self, stream: &mut Self::Stream) -> bool;

    /// Wall-clock time, for records and names of files; never for deadlines.
    fn now(&self) -> SystemTime;

    /// 64 bits nobody can guess (in a simulation: from the seed).
    fn random(&self) -> u64;
}

/// A bound listener of a [`World`].
pub trait Listen: Send + Sync + 'static {
    /// What it hands out.
    type Stream;

    /// The next connection, and who it is.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Where it listens; with the port the kernel chose.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// The kernel's sockets and clock.
#[derive(Clone, Copy, Debug)]
pub struct RealWorld;

impl World for RealWorld {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn bind(&self, address: &str) -> io::Result<TcpListener> {
        let resolve = address.to_owned();
        let found = tokio::task::spawn_blocking(move || resolve.to_socket_addrs()).await??.next();
        let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let socket = socket2::Socket::new(socket2::Domain::for_address(found), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&found.into())?;
        // Rule N1; those it accepts have it from it.
        socket.set_tcp_nodelay(true)?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    }

    async fn resolve(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host(address).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn local_addr(&self, stream: &TcpStream) -> io::Result<SocketAddr> {
        stream.local_addr()
    }

    fn has_spoken(&self, stream: &mut TcpStream) -> bool {
        // The kernel is asked itself: what tokio knows of a socket that was accepted this moment is nothing yet.
        let peeked = socket2::SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_ok_and(|octets| octets > 0)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        use std::hash::{BuildHasher as _, RandomState};
        // The standard library seeds its hasher from the kernel; a fresh state per call is all we need here.
        RandomState::new().hash_one(Instant::now().into_std())
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        if !INHERITED {
            stream.set_nodelay(true)?;
        }
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

/// Whether an accepted socket has the options of the one that listens: a system call less for each connection.
const INHERITED: bool = cfg!(target_os = "linux");
/// CPU time that this thread has taken, of its own and of the kernel on its behalf. The same in a simulation: work is
/// not simulated.
pub(crate) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Connections the kernel completes before we accept them; a burst of senders must not be refused.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::io::{Read as _, Write as _};

    use super::*;

    #[tokio::test]
    async fn the_kernel_tells_who_has_spoken() {
        let listener = RealWorld.bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for says in [&b""[..], b"EHLO c\r\n"] {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(says).unwrap();
            let (mut stream, _) = Listen::accept(&listener).await.unwrap();
            assert_eq!(RealWorld.has_spoken(&mut stream), !says.is_empty());
            assert!(stream.nodelay().unwrap());
            // Nothing was read, and who goes away without a word has not spoken.
            drop(client);
            let mut stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            assert_eq!(all, says);
        }
    }
}

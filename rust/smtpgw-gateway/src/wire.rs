//! A byte stream to a peer, in clear or under TLS, with the octets read and not yet used.
//!
//! Rule B3 lives here: what is buffered is used before more is read, and TLS cannot start while anything is
//! buffered. An idle connection holds no buffer: a read goes through the stack of whoever polls it, and only what
//! arrived is kept.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::BytesMut;
use rustls::server::{Accepted, Acceptor};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::{StartHandshake, TlsConnector, TlsStream};

use crate::client_hello::{ClientHello, NoHello, Reader};
use crate::message::TlsFacts;
use crate::read_ahead::ReadAhead;
use crate::tls;
use crate::world::World;

/// A stream and its unread octets.
pub(crate) struct Wire<S> {
    stream: Stream<S>,
    /// Read and not yet used.
    pub(crate) input: BytesMut,
}

enum Stream<S> {
    Clear(S),
    /// Boxed: a TLS session is a kilobyte and more, and most idle connections have none.
    Tls(Box<TlsStream<ReadAhead<S>>>),
    /// A handshake took it and failed.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Stream::Clear(stream), input: BytesMut::new() }
    }

    /// Reads once, at most [`READ`] octets, behind those in `input`. 0 at the end of the stream.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        self.read_at_most(READ).await
    }

    /// Reads once, at most `most` octets (and at most [`READ`]): what stands behind them stays with the system.
    pub(crate) async fn read_at_most(&mut self, most: usize) -> io::Result<usize> {
        let Self { stream, input } = self;
        if input.is_empty() && input.capacity() > KEEP {
            *input = BytesMut::new();
        }
        poll_fn(|context| {
            let mut scratch = [MaybeUninit::uninit(); READ];
            let mut scratch = ReadBuf::uninit(&mut scratch);
            let mut arrived = scratch.take(most);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut arrived))?;
            input.extend_from_slice(arrived.filled());
            Poll::Ready(Ok(arrived.filled().len()))
        })
        .await
    }

    /// Whether octets of the peer wait; in clear only. Never waits, and reads nothing.
    pub(crate) fn has_spoken<W: World<Stream = S>>(&mut self, world: &W) -> bool {
        match &mut self.stream {
            Stream::Clear(stream) => !self.input.is_empty() || world.has_spoken(stream),
            Stream::Tls(_) | Stream::Gone => false,
        }
    }

    /// Writes all of `output` and empties it.
    pub(crate) async fn write(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        if !output.is_empty() {
            self.stream.write_all(output).await?;
            self.stream.flush().await?;
            output.clear();
        }
        Ok(())
    }

    /// Ends the stream: close_notify under TLS, then FIN, which the system sends of itself behind the last octet of a
    /// stream that is dropped.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tls(stream) => stream.shutdown().await,
            Stream::Clear(_) | Stream::Gone => Ok(()),
        }
    }

    /// Answers a TLS handshake; the caller bounds the wait. Octets sent in clear behind STARTTLS are a forgery
    /// (RFC 3207 §6) and never become data: with any buffered this fails. After an error the stream is gone. What the
    /// client said of itself is put into `hello` as soon as it is known, however this ends.
    pub(crate) async fn accept_tls(
        &mut self,
        config: Arc<ServerConfig>,
        hello: &mut Option<Arc<ClientHello>>,
        now: SystemTime,
    ) -> io::Result<TlsFacts> {
        let mut stream = self.take_clear()?;
        let accepted = read_hello(&mut stream, hello).await?;
        let stream = StartHandshake::from_parts(accepted, ReadAhead::new(stream)).into_stream(config).await?;
        let facts = tls::facts(stream.get_ref().1, hello.clone(), now);
        self.stream = Stream::Tls(Box::new(stream.into()));
        Ok(facts)
    }

    /// Starts a TLS handshake, under the same conditions: octets behind the peer's 220 are a response injection.
    pub(crate) async fn connect_tls(&mut self, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<()> {
        let stream = TlsConnector::from(config).connect(name, ReadAhead::new(self.take_clear()?)).await?;
        self.stream = Stream::Tls(Box::new(stream.into()));
        Ok(())
    }

    /// Whether TLS stands.
    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The bare stream. Octets that were read in clear and not used are a forgery: with any this fails.
    pub(crate) fn take_clear(&mut self) -> io::Result<S> {
        if !self.input.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plaintext where TLS must begin"));
        }
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Clear(stream) => Ok(stream),
            Stream::Tls(_) | Stream::Gone => Err(io::Error::new(io::ErrorKind::InvalidData, "TLS inside TLS")),
        }
    }
}

/// Reads a ClientHello, for rustls and for the record.
async fn read_hello<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    hello: &mut Option<Arc<ClientHello>>,
) -> io::Result<Accepted> {
    let mut acceptor = Acceptor::default();
    let mut reader = Reader::new();
    loop {
        let mut octets = [0; HELLO_READ];
        let read = stream.read(&mut octets).await?;
        let mut octets = octets.get(..read).unwrap_or_default();
        if octets.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.read(octets);
        match reader.outcome() {
            Some(Ok(found)) if hello.is_none() => *hello = Some(Arc::new(found.clone())),
            // What is not TLS gets no alert, and no look by rustls.
            Some(Err(why)) if why != NoHello::Malformed => return Err(io::Error::new(io::ErrorKind::InvalidData, why)),
            _ => {}
        }
        while !octets.is_empty() {
            acceptor.read_tls(&mut octets)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut output = Vec::new();
                alert.write_all(&mut output)?;
                // The peer may be gone; the reason is worth more than that.
                let _ = stream.write_all(&output).await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// Octets read at a time.
const READ: usize = 32 << 10;

/// Octets of a handshake's beginning read at a time: more than a ClientHello of today has.
const HELLO_READ: usize = 4 << 10;

/// A larger empty buffer is given back before waiting.
const KEEP: usize = 1 << 10;

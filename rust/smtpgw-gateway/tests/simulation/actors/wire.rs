//! What a client or a backend reads from and writes to: the simulated network, in clear or under TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use turmoil::net::TcpStream;

use crate::certificates::{Client, Server};

pub(super) enum Wire {
    Clear(Raw),
    Tls(Box<TlsStream<Raw>>),
    /// On its way from the one to the other.
    Gone,
}

/// The network below.
pub(super) struct Raw {
    stream: TcpStream,
    /// Octets that go into one segment at most.
    piece: usize,
    /// Octets that are written before it writes no more.
    left: Option<usize>,
}

impl Wire {
    pub(super) fn clear(stream: TcpStream) -> Self {
        Self::Clear(Raw { stream, piece: usize::MAX, left: None })
    }

    /// The client's handshake, in segments of at most `piece` octets. One that stops after `left` octets, or has
    /// failed, leaves the network as it is.
    pub(super) async fn connect(self, tls: Client, piece: usize, left: Option<usize>) -> (Self, io::Result<()>) {
        let Self::Clear(raw) = self else { return (self, Err(io::ErrorKind::AlreadyExists.into())) };
        let Ok(name) = ServerName::try_from("gateway.example") else { return (Self::Gone, Ok(())) };
        let raw = Raw { piece, left, ..raw };
        match TlsConnector::from(tls).connect(name, raw).into_fallible().await {
            Ok(mut stream) => {
                stream.get_mut().0.left = None;
                (Self::Tls(Box::new(stream.into())), Ok(()))
            }
            Err((error, raw)) => (Self::Clear(Raw { left: None, ..raw }), Err(error)),
        }
    }

    /// The backend's handshake.
    pub(super) async fn accept(self, tls: Server) -> io::Result<Self> {
        let Self::Clear(raw) = self else { return Err(io::ErrorKind::AlreadyExists.into()) };
        Ok(Self::Tls(Box::new(TlsAcceptor::from(tls).accept(raw).await?.into())))
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Clear(raw) => raw.stream.local_addr(),
            Self::Tls(stream) => stream.get_ref().0.stream.local_addr(),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(super) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Says that it sends no more; without TLS's own word on it if it `truncates`.
    pub(super) async fn half_close(&mut self, truncates: bool) -> io::Result<()> {
        match self {
            Self::Tls(stream) if truncates => stream.get_mut().0.stream.shutdown().await,
            wire => wire.shutdown().await,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(raw) => Pin::new(raw).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(raw) => Pin::new(raw).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(raw) => Pin::new(raw).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(raw) => Pin::new(raw).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Raw {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let most = octets.len().min(this.piece).min(this.left.unwrap_or(usize::MAX));
        if most == 0 {
            return Poll::Ready(Err(io::Error::other("leaves")));
        }
        let written = Pin::new(&mut this.stream).poll_write(context, &octets[..most]);
        if let (Poll::Ready(Ok(written)), Some(left)) = (&written, &mut this.left) {
            *left -= written;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

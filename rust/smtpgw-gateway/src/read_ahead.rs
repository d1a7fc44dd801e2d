//! A stream that is read in larger pieces than its reader asks for: what lies between TLS and a socket.
//!
//! rustls takes 4 KiB at a time, so that a message of that size, which is a little more as a record, costs two system
//! calls, and a large one four times as many as it need. Here a read takes what a whole record can be (RFC 8446
//! §5.1); what the reader has no room for waits. Nothing is held while nothing waits: an idle connection has no buffer.
//!
//! Ending the stream is left to whoever drops it: behind the last octet the system sends FIN by itself.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream with what was read of it and not yet asked for.
pub(crate) struct ReadAhead<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How much of `waiting` was taken.
    taken: usize,
}

impl<S> ReadAhead<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, waiting: Vec::new(), taken: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, waiting, taken } = self.get_mut();
        if waiting.is_empty() {
            if into.remaining() >= PIECE {
                return Pin::new(stream).poll_read(context, into);
            }
            let mut scratch = [MaybeUninit::uninit(); PIECE];
            let mut arrived = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(stream).poll_read(context, &mut arrived))?;
            let (now, later) = arrived.filled().split_at(into.remaining().min(arrived.filled().len()));
            into.put_slice(now);
            waiting.extend_from_slice(later);
            return Poll::Ready(Ok(()));
        }
        let rest = waiting.get(*taken..).unwrap_or_default();
        let now = &rest[..into.remaining().min(rest.len())];
        into.put_slice(now);
        *taken += now.len();
        if *taken >= waiting.len() {
            (*waiting, *taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Octets read at a time: the largest record, of 2^14 octets and what encryption adds (RFC 8446 §5.2), with its header.
const PIECE: usize = (16 << 10) + 256 + 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn it_reads_on_where_it_was_and_holds_nothing_in_the_end() {
        let sent: Vec<u8> = (0..50_000_u32).flat_map(|number| number.to_be_bytes()).collect();
        for size in [1, 7, 4_096, PIECE - 1, PIECE, 100_000] {
            let (mut there, here) = tokio::io::duplex(64 << 10);
            let whole = sent.clone();
            tokio::spawn(async move { there.write_all(&whole).await });
            let (mut stream, mut read) = (ReadAhead::new(here), Vec::new());
            let mut piece = vec![0; size];
            loop {
                match stream.read(&mut piece).await.unwrap() {
                    0 => break,
                    octets => read.extend_from_slice(&piece[..octets]),
                }
            }
            assert!(read == sent, "pieces of {size}");
            assert_eq!((stream.waiting.capacity(), stream.taken), (0, 0));
        }
    }

    #[tokio::test]
    async fn a_record_takes_one_read() {
        struct Counted(u32);
        impl AsyncRead for Counted {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                into: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0 += 1;
                into.put_slice(&[7; PIECE]);
                Poll::Ready(Ok(()))
            }
        }
        let mut stream = ReadAhead::new(Counted(0));
        stream.read_exact(&mut [0; PIECE - 1]).await.unwrap();
        assert_eq!((stream.stream.0, stream.waiting.len() - stream.taken), (1, 1));
    }
}

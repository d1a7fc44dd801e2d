//! Writing as it is on a real network, where a writer that waits for room learns that the other end is gone.
//!
//! turmoil (0.7.2) drops a socket at RST without waking its writer, which then waits for ever. So a writer that has
//! waited for long looks whether the gateway still holds any connection, and takes it as reset if not. A gateway that
//! holds one and does not read keeps the writer waiting, and the oracle sees that it never ends.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Log;

/// Between two looks: longer than any wait of the gateway.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn put(stream: &mut (impl AsyncWrite + Unpin), octets: &[u8], log: &Log) -> io::Result<()> {
    let mut writing = pin!(async {
        stream.write_all(octets).await?;
        stream.flush().await
    });
    loop {
        match timeout(LOOK, &mut writing).await {
            Ok(written) => return written,
            Err(_) if log.lock().unwrap().gateway_at_rest => return Err(io::ErrorKind::ConnectionReset.into()),
            Err(_) => {}
        }
    }
}

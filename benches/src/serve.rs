//! What the suite's servers have in common: a runtime, a listener that says where it is, an end on a signal.

use std::future::Future;
use std::io::{self, Write as _};
use std::pin::pin;
use std::process::ExitCode;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, Usage};

/// A runtime of the flavour that the gateway uses, with so many worker threads (0: one for each processor).
///
/// # Errors
/// The system's.
pub fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// Reads the command line, runs the program, shows its complaint.
pub fn main(usage: &Usage, program: impl FnOnce(Arguments) -> Result<(), String>) -> ExitCode {
    let outcome = usage.read(std::env::args().skip(1)).and_then(program);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            // Nobody is left to be told of an error here.
            let _ = writeln!(io::stderr(), "{complaint}");
            ExitCode::from(if complaint == usage.help { 0 } else { 64 })
        }
    }
}

/// One line on standard output, at once.
///
/// # Errors
/// The system's.
pub fn say(line: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Listens on `address`, says `listening ADDRESS` with the port it got, and gives every connection to `handle` until
/// SIGTERM or SIGINT. TCP_NODELAY is set.
///
/// # Errors
/// The system's, except those of a single connection.
pub async fn serve<F>(address: &str, handle: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    let mut ended = pin!(ended());
    say(format_args!("listening {}", listener.local_addr()?))?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that was gone before it was accepted, or no descriptor left: the next one may do.
                let Ok((stream, _)) = accepted else { continue };
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(handle(stream));
                }
            }
            signal = &mut ended => return signal,
        }
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// The system's.
pub async fn ended() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

#![forbid(unsafe_code)]
//! A plain TCP relay on the gateway's runtime: what every proxy costs at least, and so the measure of ours.

use std::process::ExitCode;
use std::sync::Arc;

use smtpgw_bench::arguments::{Arguments, Usage};
use smtpgw_bench::serve;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

const USAGE: Usage = Usage {
    help: "smtpgw-relay --backend HOST:PORT [--listen 127.0.0.1:0] [--buffer OCTETS] [--threads N]\n\
        Copies octets between each client and a connection of its own to the backend.",
    values: &["backend", "listen", "buffer", "threads"],
    flags: &[],
};

fn main() -> ExitCode {
    serve::main(&USAGE, run)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let backend: Arc<str> = arguments.required::<String>("backend")?.into();
    let listen: String = arguments.or("listen", "127.0.0.1:0".into())?;
    let buffer = arguments.or("buffer", 8 << 10)?;
    let runtime = serve::runtime(arguments.or("threads", 0)?).map_err(|error| error.to_string())?;
    let serve = serve::serve(&listen, move |mut client| {
        let backend = Arc::clone(&backend);
        async move {
            // A connection that breaks is the load generator's to count.
            let Ok(mut server) = TcpStream::connect(&*backend).await else { return };
            if server.set_nodelay(true).is_ok() {
                let _ = copy_bidirectional_with_sizes(&mut client, &mut server, buffer, buffer).await;
            }
        }
    });
    runtime.block_on(serve).map_err(|error| format!("{listen}: {error}"))
}

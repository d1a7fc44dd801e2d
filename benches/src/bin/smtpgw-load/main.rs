#![forbid(unsafe_code)]
//! Sends mail as fast as it is let, or at a fixed rate, or holds idle connections while it knocks; says what it saw
//! as one line of JSON.

mod idle;
mod plan;
mod sender;
mod tally;
mod tls;

use std::process::ExitCode;

use smtpgw_bench::arguments::{Arguments, Usage};
use smtpgw_bench::serve;

use plan::Plan;

const USAGE: Usage = Usage {
    help: "\
smtpgw-load --target HOST:PORT [options]

  --messages N          messages to send in all (1000); with --idle, greetings to measure
  --connections N       connections at a time (8)
  --per-connection N    messages on one connection (1)
  --rate N              new connections a second, whether or not the ones before are done; --connections is the most
  --message FILE        a message to send; several are sent in turn
  --size OCTETS         instead of a file: a text message of this size (4096)
  --from, --to ADDRESS  the envelope (sender@example.net, recipient@example.org)
  --pipelining          MAIL, RCPT and DATA in one segment
  --starttls            with STARTTLS; the certificate is not verified, sessions are not resumed
  --resume              with STARTTLS, resuming sessions
  --group NAME          with STARTTLS: this key exchange group only (X25519, X25519MLKEM768); otherwise the best of both
  --warm-up N           messages sent first and not counted (0)
  --seconds N           stop after so long
  --patience SECONDS    the longest wait for one reply (60)
  --idle N              open N connections, leave them idle after the greeting (with --starttls: after the handshake),
                        and measure greetings of further ones
  --hold SECONDS        with --idle: hold them so long after everything is measured
  --threads N           worker threads (1)

Prints one JSON object (with --idle, {\"idle\": N} in a line before it as soon as they are open): messages, octets, seconds, the codes of all replies, failures by kind, and latencies in
milliseconds: greeting (from connect), handshake, end_of_data (from the last octet of content to its reply).",
    values: &[
        "target",
        "messages",
        "connections",
        "per-connection",
        "rate",
        "message",
        "group",
        "size",
        "from",
        "to",
        "warm-up",
        "seconds",
        "patience",
        "idle",
        "hold",
        "threads",
    ],
    flags: &["pipelining", "starttls", "resume"],
};

fn main() -> ExitCode {
    serve::main(&USAGE, run)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let plan = Plan::read(&arguments)?;
    let runtime = serve::runtime(arguments.or("threads", 1)?).map_err(|error| error.to_string())?;
    let report = runtime.block_on(async {
        match arguments.optional("idle")? {
            Some(count) => idle::run(plan, count, arguments.or("hold", 0.0)?).await,
            None => Ok(sender::run(plan).await),
        }
    })?;
    serve::say(report).map_err(|error| error.to_string())
}

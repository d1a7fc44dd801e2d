#![forbid(unsafe_code)]
//! The gateway without inspectors and without an interpreter: what everything but inspection costs.
//!
//! Messages are received, spooled, decoded, judged by nobody, relayed and recorded, as `smtpgw run` does it.

use std::path::PathBuf;
use std::process::ExitCode;

use smtpgw_bench::arguments::{Arguments, Usage};
use smtpgw_bench::serve;
use smtpgw_gateway::settings::{
    Backend, BackendTls, Certificate, Listener, ListenerTls, Relay, SelfSigned, Settings, Unscanned, UnscannedAction,
};
use smtpgw_gateway::{Gateway, log_sink};

const USAGE: Usage = Usage {
    help: "smtpgw-plain --backend HOST:PORT|maildir:FOLDER [--listen 127.0.0.1:0] [--starttls] [--stream] [--pool N] [--log FILE]\n\
        smtpgw-plain --settings FILE\n\
        Runs the gateway without inspectors, with default settings or with those of a JSON file, until SIGTERM.",
    values: &["backend", "listen", "log", "pool", "settings"],
    flags: &["starttls", "stream"],
};

fn main() -> ExitCode {
    serve::main(&USAGE, run)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let settings = match arguments.optional::<PathBuf>("settings")? {
        Some(file) => {
            let text = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => settings(&arguments)?,
    };
    let log = log_sink(&settings.log).map_err(|error| format!("log: {error}"))?;
    let gateway = Gateway::start(settings, None, vec![log]).map_err(|error| error.to_string())?;
    for address in gateway.addresses() {
        serve::say(format_args!("listening {address}")).map_err(|error| error.to_string())?;
    }
    let runtime = serve::runtime(1).map_err(|error| error.to_string())?;
    runtime.block_on(serve::ended()).map_err(|error| error.to_string())?;
    gateway.drain();
    gateway.stop();
    Ok(())
}

/// The defaults, with one listener in front of one backend, and room for one client to be all clients.
fn settings(arguments: &Arguments) -> Result<Settings, String> {
    let starttls = arguments.flag("starttls");
    let mut settings = Settings { hostname: "mx.example.org".into(), ..Settings::default() };
    settings.listener.push(Listener {
        tls: if starttls { ListenerTls::Starttls } else { ListenerTls::None },
        recipient_domains: vec!["example.org".into()],
        certificates: if starttls { vec![Certificate::SelfSigned(SelfSigned::SelfSigned)] } else { Vec::new() },
        ..Listener::at(arguments.or::<String>("listen", "127.0.0.1:0".into())?, "sink")
    });
    let mut backend = Backend {
        tls: BackendTls::None,
        pool: arguments.or("pool", 0)?,
        ..Backend::at(arguments.required::<String>("backend")?)
    };
    if arguments.flag("stream") {
        backend.relay = Relay::Stream;
        // What has gone cannot be tagged.
        settings.decode.unscanned = Unscanned::ALL.map(|reason| (reason, UnscannedAction::Accept)).into();
    }
    settings.backend.insert("sink".into(), backend);
    settings.limits.connections_per_client = settings.limits.connections;
    settings.log.file = arguments.optional("log")?;
    Ok(settings)
}

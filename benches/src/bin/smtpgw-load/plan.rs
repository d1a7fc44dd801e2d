//! What is to be sent, how, and how often.

use std::time::Duration;

use smtpgw_bench::arguments::Arguments;
use smtpgw_bench::content::wire_form;
use smtpgw_bench::message;
use tokio_rustls::TlsConnector;

use crate::tls;

/// Everything the command line says.
pub(crate) struct Plan {
    pub(crate) target: String,
    pub(crate) messages: u64,
    pub(crate) warm_up: u64,
    pub(crate) connections: usize,
    pub(crate) per_connection: u64,
    /// New connections a second; without it a new one follows as soon as one is done.
    pub(crate) rate: Option<f64>,
    /// The most time that sending may take.
    pub(crate) time: Duration,
    pub(crate) patience: Duration,
    pub(crate) pipelining: bool,
    pub(crate) tls: Option<TlsConnector>,
    /// Contents in their wire form, sent in turn.
    pub(crate) contents: Vec<Vec<u8>>,
    pub(crate) mail: Vec<u8>,
    pub(crate) recipient: Vec<u8>,
}

impl Plan {
    pub(crate) fn read(arguments: &Arguments) -> Result<Self, String> {
        let files = arguments.all("message").iter();
        let read = |file: &String| std::fs::read(file).map_err(|error| format!("{file}: {error}"));
        let mut contents: Vec<_> = files.map(|file| Ok(wire_form(&read(file)?))).collect::<Result<_, String>>()?;
        if contents.is_empty() {
            contents.push(wire_form(&message::text(arguments.or("size", 4096)?)));
        }
        let seconds = arguments.or("seconds", 86_400.0)?;
        let patience = arguments.or("patience", 60.0)?;
        let duration = |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
        let rate = arguments.optional("rate")?;
        if rate.is_some_and(|rate: f64| !rate.is_normal() || rate <= 0.0) {
            return Err("--rate must be above 0".into());
        }
        Ok(Self {
            target: arguments.required("target")?,
            messages: arguments.or("messages", 1_000)?,
            warm_up: arguments.or("warm-up", 0)?,
            connections: arguments.or("connections", 8)?,
            per_connection: arguments.or("per-connection", 1)?.max(1),
            rate,
            time: duration(seconds)?,
            patience: duration(patience)?,
            pipelining: arguments.flag("pipelining"),
            tls: (arguments.flag("starttls") || arguments.flag("resume"))
                .then(|| tls::connector(arguments.flag("resume"), arguments.all("group").last().map(String::as_str)))
                .transpose()?,
            contents,
            mail: format!("MAIL FROM:<{}>\r\n", arguments.or("from", "sender@example.net".to_owned())?).into_bytes(),
            recipient: format!("RCPT TO:<{}>\r\n", arguments.or("to", "recipient@example.org".to_owned())?)
                .into_bytes(),
        })
    }

    /// The content of the message with this number, in its wire form.
    pub(crate) fn content(&self, number: u64) -> &[u8] {
        let index = number % self.contents.len() as u64;
        usize::try_from(index).ok().and_then(|index| self.contents.get(index)).map_or(b".\r\n", Vec::as_slice)
    }
}

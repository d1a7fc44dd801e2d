//! Messages and parts that never came over a wire, for the tests of inspectors (`smtpgw.testing`).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::RwLock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use smtpgw_gateway::message::{self, Content, Progress};

use crate::message::Message;
use crate::part::Part;

/// A part of `data`, with everything as given.
#[pyfunction]
#[pyo3(signature = (data, sha256, *, path, media_type, filename, names, charset, transfer_encoding, header, container))]
#[expect(clippy::too_many_arguments, reason = "one for each attribute, by keyword, called from one place")]
pub(crate) fn make_part(
    data: &[u8],
    sha256: [u8; 32],
    path: String,
    media_type: String,
    filename: Option<String>,
    names: Vec<String>,
    charset: Option<String>,
    transfer_encoding: String,
    header: &[u8],
    container: bool,
) -> Part {
    Part::new(Arc::new(message::Part {
        path,
        media_type,
        filename,
        names,
        charset,
        transfer_encoding,
        header: Arc::new(message::Header::parse(header)),
        data: Content::Memory(Bytes::copy_from_slice(data)),
        sha256,
        defects: Vec::new(),
        container: container.then_some("zip"),
        reading: None,
        facts: OnceLock::new(),
        real_type: message::real_type(data.get(..512).unwrap_or(data)),
    }))
}

/// A message of `parts`; it has arrived if there is `raw`.
#[pyfunction]
#[pyo3(signature = (parts, *, header, raw, reverse_path, forward_paths, client, listener, helo, tls))]
#[expect(clippy::too_many_arguments, reason = "one for each attribute, by keyword, called from one place")]
pub(crate) fn make_message(
    parts: Vec<PyRef<'_, Part>>,
    header: &[u8],
    raw: Option<&[u8]>,
    reverse_path: String,
    forward_paths: Vec<String>,
    client: (String, u16),
    listener: (String, u16),
    helo: String,
    tls: bool,
) -> PyResult<Message> {
    let facts = message::TlsFacts {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        group: "X25519".into(),
        sni: None,
        client_hello: None,
        client_certificate: None,
    };
    let session = message::Session {
        esmtp: true,
        helo,
        tls: tls.then_some(facts),
        ..message::Session::new("test", address(&client)?, address(&listener)?)
    };
    let progress = Progress {
        header: Some(Arc::new(message::Header::parse(header))),
        parts: parts.iter().map(|part| Arc::clone(&part.part)).collect(),
        defects: Vec::new(),
        unscanned: Vec::new(),
        inspected: Vec::new(),
        raw: raw.map(|raw| Content::Memory(Bytes::copy_from_slice(raw))),
    };
    let envelope = message::Envelope { reverse_path, forward_paths };
    let message = message::Message { session: Arc::new(session), envelope, progress: RwLock::new(progress) };
    Ok(Message::new(Arc::new(message), Arc::default()))
}

fn address((host, port): &(String, u16)) -> PyResult<SocketAddr> {
    let host: IpAddr = host.parse().map_err(|_| PyValueError::new_err(format!("{host:?} is no IP address")))?;
    Ok(SocketAddr::new(host, *port))
}

//! `smtpgw.Session`, `smtpgw.Tls` and `smtpgw.Envelope`: who is talking to us, and for whom.

use std::net::SocketAddr;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use smtpgw_gateway::message;

/// One connection of one client.
#[pyclass(frozen, eq, hash, module = "smtpgw", name = "Session")]
pub(crate) struct Session(pub(crate) Arc<message::Session>);

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::hash::Hash for Session {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[pymethods]
impl Session {
    #[getter]
    fn id(&self) -> &str {
        &self.0.id
    }

    #[getter]
    fn client(&self) -> (String, u16) {
        address(self.0.client)
    }

    #[getter]
    fn listener(&self) -> (String, u16) {
        address(self.0.listener)
    }

    #[getter]
    fn proxied_by(&self) -> Option<(String, u16)> {
        self.0.carried.as_ref().map(|carried| address(carried.proxied_by))
    }

    #[getter]
    fn client_name(&self) -> Option<&str> {
        self.0.carried.as_ref()?.client_name.as_deref()
    }

    #[getter]
    fn login(&self) -> Option<&str> {
        self.0.carried.as_ref()?.login.as_deref()
    }

    #[getter]
    fn helo(&self) -> &str {
        &self.0.helo
    }

    #[getter]
    fn tls(&self) -> Option<Tls> {
        self.0.tls.is_some().then(|| Tls(Arc::clone(&self.0)))
    }

    #[getter]
    fn authenticated(&self) -> bool {
        self.0.authenticated
    }

    #[getter]
    fn early_talker(&self) -> bool {
        self.0.early_talker
    }

    fn __repr__(&self) -> String {
        let tls = self.0.tls.as_ref().map_or("in clear", |tls| tls.version.as_str());
        format!("<smtpgw.Session {} with {} {tls}>", self.0.id, self.0.client)
    }
}

/// What is known of a finished TLS handshake.
#[pyclass(frozen, module = "smtpgw._core", name = "Tls")]
pub(crate) struct Tls(Arc<message::Session>);

impl Tls {
    fn facts(&self) -> Option<&message::TlsFacts> {
        self.0.tls.as_ref()
    }
}

#[pymethods]
impl Tls {
    #[getter]
    fn version(&self) -> &str {
        self.facts().map_or("", |facts| &facts.version)
    }

    #[getter]
    fn cipher(&self) -> &str {
        self.facts().map_or("", |facts| &facts.cipher)
    }

    #[getter]
    fn group(&self) -> &str {
        self.facts().map_or("", |facts| &facts.group)
    }

    #[getter]
    fn sni(&self) -> Option<&str> {
        self.facts()?.sni.as_deref()
    }

    #[getter]
    fn client_hello(&self) -> Option<ClientHello> {
        self.facts()?.client_hello.clone().map(ClientHello)
    }

    #[getter]
    fn client_certificate(&self) -> Option<ClientCertificate> {
        let certificate = self.facts()?.client_certificate.as_deref()?;
        Some(ClientCertificate(certificate.clone()))
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.Tls {} {} {}>", self.version(), self.cipher(), self.group())
    }
}

/// What a client said of its TLS.
#[pyclass(frozen, module = "smtpgw._core", name = "ClientHello")]
pub(crate) struct ClientHello(Arc<message::ClientHello>);

#[pymethods]
impl ClientHello {
    #[getter]
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.versions)
    }

    #[getter]
    fn sni(&self) -> Option<&str> {
        self.0.sni.as_deref()
    }

    #[getter]
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.groups)
    }

    #[getter]
    fn alpn<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.alpn)
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.ClientHello {}>", self.0.fingerprint)
    }
}

/// A client's own certificate.
#[pyclass(frozen, eq, hash, module = "smtpgw._core", name = "ClientCertificate")]
#[derive(PartialEq)]
pub(crate) struct ClientCertificate(message::ClientCertificate);

impl std::hash::Hash for ClientCertificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.sha256.hash(state);
    }
}

#[pymethods]
impl ClientCertificate {
    #[getter]
    fn der<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.der)
    }

    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    #[getter]
    fn issuer(&self) -> &str {
        &self.0.issuer
    }

    #[getter]
    fn sha256(&self) -> &str {
        &self.0.sha256
    }

    #[getter]
    fn spki_sha256(&self) -> &str {
        &self.0.spki_sha256
    }

    #[getter]
    fn not_before(&self) -> &str {
        &self.0.not_before
    }

    #[getter]
    fn not_after(&self) -> &str {
        &self.0.not_after
    }

    #[getter]
    fn expired(&self) -> bool {
        self.0.expired
    }

    #[getter]
    fn self_signed(&self) -> bool {
        self.0.self_signed
    }

    #[getter]
    fn verified(&self) -> bool {
        self.0.verified
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.ClientCertificate {:?} sha256 {}>", self.0.subject, self.0.sha256)
    }
}

/// Who sends and who receives.
#[pyclass(frozen, module = "smtpgw._core", name = "Envelope")]
pub(crate) struct Envelope(pub(crate) Arc<message::Message>);

#[pymethods]
impl Envelope {
    #[getter]
    fn reverse_path(&self) -> &str {
        &self.0.envelope.reverse_path
    }

    #[getter]
    fn forward_paths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.envelope.forward_paths)
    }

    fn __repr__(&self) -> String {
        let to = self.0.envelope.forward_paths.len();
        format!("<smtpgw.Envelope from {:?} to {to} recipients>", self.0.envelope.reverse_path)
    }
}

/// As Python's own sockets name a peer. An IPv4 address that came over an IPv6 socket is an IPv4 address.
fn address(address: SocketAddr) -> (String, u16) {
    (address.ip().to_canonical().to_string(), address.port())
}

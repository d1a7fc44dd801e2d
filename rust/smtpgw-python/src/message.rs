//! `smtpgw.Message`: one message as far as it has arrived.
//!
//! All hooks of one batch are shown the same object, and the same `Part` objects, so what one inspector had made
//! (a mapping, decoded text) is there for the next one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use smtpgw_gateway::message;

use crate::buffer::Buffer;
use crate::errors;
use crate::header::{Defect, Header};
use crate::part::Part;
use crate::session::{Envelope, Session};

/// A message, with the Python objects made of it so far.
#[pyclass(frozen, eq, hash, weakref, module = "smtpgw", name = "Message")]
pub(crate) struct Message {
    message: Arc<message::Message>,
    /// Names of the inspectors, in the order of the roster.
    names: Arc<[String]>,
    /// The `Part` objects handed out, by the address of the part, which the object keeps alive.
    parts: Mutex<HashMap<usize, Py<Part>, BuildHasherDefault<OfAddress>>>,
    raw: PyOnceLock<Py<Buffer>>,
}

impl Message {
    pub(crate) fn new(message: Arc<message::Message>, names: Arc<[String]>) -> Self {
        Self { message, names, parts: Mutex::default(), raw: PyOnceLock::new() }
    }

    pub(crate) fn is(&self, message: &Arc<message::Message>) -> bool {
        Arc::ptr_eq(&self.message, message)
    }

    pub(crate) fn inner(&self) -> &Arc<message::Message> {
        &self.message
    }

    /// The object for `part`.
    pub(crate) fn part<'py>(&self, py: Python<'py>, part: &Arc<message::Part>) -> PyResult<Bound<'py, Part>> {
        let address = Arc::as_ptr(part).addr();
        if let Some(known) = self.parts.lock().get(&address) {
            return Ok(known.bind(py).clone());
        }
        // Made outside the lock: making an object can run the garbage collector, and that can run anything.
        let made = Py::new(py, Part::new(Arc::clone(part)))?;
        let mut parts = self.parts.lock();
        Ok(parts.entry(address).or_insert(made).bind(py).clone())
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.message, &other.message)
    }
}

impl std::hash::Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.message).hash(state);
    }
}

#[pymethods]
impl Message {
    #[getter]
    fn session(&self) -> Session {
        Session(Arc::clone(&self.message.session))
    }

    #[getter]
    fn envelope(&self) -> Envelope {
        Envelope(Arc::clone(&self.message))
    }

    #[getter]
    fn header(&self) -> Header {
        Header(self.message.progress.read().header.clone().unwrap_or_default())
    }

    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let parts = self.message.progress.read().parts.clone();
        let objects = parts.iter().map(|part| self.part(py, part)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, objects)
    }

    #[getter]
    fn defects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let defects = self.message.progress.read().defects.clone();
        Defect::tuple(py, &defects)
    }

    #[getter]
    fn unscanned<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let unscanned = self.message.progress.read().unscanned.clone();
        PyTuple::new(py, unscanned.into_iter().map(|(reason, what)| (reason.name(), what)))
    }

    #[getter]
    fn inspected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let inspected = self.message.progress.read().inspected.clone();
        let named = inspected.iter().filter_map(|(inspector, part)| Some((self.names.get(*inspector)?, part)));
        let pairs = named.map(|(name, part)| Ok((name, self.part(py, part)?))).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, pairs)
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, Buffer>> {
        let open = || {
            let content = self.message.progress.read().raw.clone();
            let content = content.ok_or_else(|| {
                errors::inspector(py, "message.raw is there once the message has arrived: use it in on_message")
            })?;
            Py::new(py, Buffer::open(&content)?)
        };
        self.raw.get_or_try_init(py, open).map(|buffer| buffer.bind(py))
    }

    fn __repr__(&self) -> String {
        let parts = self.message.progress.read().parts.len();
        format!("<smtpgw.Message from {:?} with {parts} parts>", self.message.envelope.reverse_path)
    }
}

/// Hashes an address, which is spread well but for its low bits, and which no sender can choose.
#[derive(Default)]
struct OfAddress(u64);

impl Hasher for OfAddress {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_usize(usize::from(*octet)));
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing; hashbrown takes both the low and the high bits.
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

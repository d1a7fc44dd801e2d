//! `smtpgw.Part`: one decoded leaf. What costs something is made when it is asked for, once.

use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};
use smtpgw_gateway::message;

use crate::buffer::Buffer;
use crate::header::{Defect, Header};

/// A part, with what has been made of it for Python so far.
#[pyclass(frozen, eq, hash, weakref, module = "smtpgw", name = "Part")]
pub(crate) struct Part {
    pub(crate) part: Arc<message::Part>,
    data: PyOnceLock<Py<Buffer>>,
    text: PyOnceLock<Py<PyString>>,
}

impl Part {
    pub(crate) fn new(part: Arc<message::Part>) -> Self {
        Self { part, data: PyOnceLock::new(), text: PyOnceLock::new() }
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.part, &other.part)
    }
}

impl std::hash::Hash for Part {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.part).hash(state);
    }
}

#[pymethods]
impl Part {
    #[getter]
    fn path(&self) -> &str {
        &self.part.path
    }

    #[getter]
    fn media_type(&self) -> &str {
        &self.part.media_type
    }

    #[getter]
    fn filename(&self) -> Option<&str> {
        self.part.filename.as_deref()
    }

    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.part.names)
    }

    #[getter]
    fn charset(&self) -> Option<&str> {
        self.part.charset.as_deref()
    }

    #[getter]
    fn transfer_encoding(&self) -> &str {
        &self.part.transfer_encoding
    }

    #[getter]
    fn header(&self) -> Header {
        Header(Arc::clone(&self.part.header))
    }

    #[getter]
    fn size(&self) -> u64 {
        self.part.data.len()
    }

    #[getter]
    fn sha256(&self) -> String {
        self.part.sha256.iter().fold(String::with_capacity(64), |mut hex, octet| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{octet:02x}");
            hex
        })
    }

    #[getter]
    pub(crate) fn data<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, Buffer>> {
        self.data.get_or_try_init(py, || Py::new(py, Buffer::open(&self.part.data)?)).map(|buffer| buffer.bind(py))
    }

    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyString>> {
        let decode = || {
            let octets = self.data(py)?.get().as_slice();
            let charset = self.part.charset.as_deref();
            let text = if octets.len() < DETACH_AT_LEAST {
                message::charset::to_text(charset, octets).0
            } else {
                py.detach(|| message::charset::to_text(charset, octets).0)
            };
            Ok::<_, PyErr>(PyString::new(py, &text).unbind())
        };
        self.text.get_or_try_init(py, decode).map(|text| text.bind(py))
    }

    #[getter]
    fn other_texts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let octets = self.data(py)?.get().as_slice();
        let charset = self.part.charset.as_deref();
        let texts = if octets.len() < DETACH_AT_LEAST {
            message::charset::other_texts(charset, octets)
        } else {
            py.detach(|| message::charset::other_texts(charset, octets))
        };
        PyTuple::new(py, texts)
    }

    #[getter]
    fn defects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        Defect::tuple(py, &self.part.defects)
    }

    #[getter]
    fn container(&self) -> Option<&'static str> {
        self.part.container
    }

    #[getter]
    fn real_type(&self) -> &'static str {
        self.part.real_type
    }

    #[getter]
    fn reading(&self) -> Option<&str> {
        self.part.reading.as_deref()
    }

    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.part.facts.get().map_or(&[][..], Vec::as_slice))
    }

    fn __repr__(&self) -> String {
        let Self { part, .. } = self;
        let name = part.filename.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("<smtpgw.Part {} {}{name} of {} octets>", part.path, part.media_type, part.data.len())
    }
}

/// Octets from which decoding takes long enough to let other threads run meanwhile.
const DETACH_AT_LEAST: usize = 64 << 10;

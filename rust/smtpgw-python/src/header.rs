//! `smtpgw.Header` and `smtpgw.Defect`: the fields of one entity, and what is odd about it.
//!
//! Values are unfolded and decoded when they are asked for: most fields are never looked at.

use std::sync::Arc;

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use smtpgw_gateway::message;

/// The fields of one header, in order.
#[pyclass(frozen, mapping, module = "smtpgw", name = "Header")]
pub(crate) struct Header(pub(crate) Arc<message::Header>);

#[pymethods]
impl Header {
    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.extract::<String>().is_ok_and(|name| self.0.first(&name).is_some())
    }

    fn __getitem__(&self, name: &str) -> PyResult<String> {
        self.0.first(name).map(message::Field::decoded).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.keys(py)?.into_any().try_iter().map(Bound::into_any)
    }

    #[pyo3(signature = (name, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.0.first(name) {
            Some(field) => Ok(Some(field.decoded().into_pyobject(py)?.into_any())),
            None => Ok(default),
        }
    }

    fn get_all<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.all(name).map(message::Field::decoded).collect::<Vec<_>>())
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.fields().iter().map(|field| String::from_utf8_lossy(field.name())))
    }

    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let items = self.0.fields().iter().map(|field| (String::from_utf8_lossy(field.name()), field.decoded()));
        PyTuple::new(py, items.collect::<Vec<_>>())
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let items = self.0.fields().iter();
        let items = items.map(|field| (PyBytes::new(py, field.name()), PyBytes::new(py, field.raw())));
        PyTuple::new(py, items.collect::<Vec<_>>())
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.Header of {} fields>", self.0.fields().len())
    }
}

/// One odd place.
#[pyclass(frozen, eq, hash, module = "smtpgw._core", name = "Defect")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Defect(message::Defect);

impl Defect {
    /// `defects` as a tuple.
    pub(crate) fn tuple<'py>(py: Python<'py>, defects: &[message::Defect]) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, defects.iter().cloned().map(Self).collect::<Vec<_>>())
    }
}

#[pymethods]
impl Defect {
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.name()
    }

    #[getter]
    fn path(&self) -> String {
        self.0.path.to_string()
    }

    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    fn __str__(&self) -> &'static str {
        self.0.kind.name()
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.Defect {} in {:?} at {}>", self.0.kind.name(), self.path(), self.0.offset)
    }
}

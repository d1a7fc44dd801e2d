//! `smtpgw.testing.decode`: the decoder by itself, for Python.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use smtpgw_gateway::leaves::leaves;
use smtpgw_gateway::message::{Content, charset};

use crate::buffer::Buffer;
use crate::header::Header;

/// Path, type, file name, charset, header, data, and of a text the text.
type Leaf = (String, String, Option<String>, Option<String>, Header, Buffer, Option<String>);

/// The header of a message and its leaves.
#[pyfunction]
pub(crate) fn decode(py: Python<'_>, source: PyBackedBytes) -> PyResult<(Header, Vec<Leaf>)> {
    let found = py.detach(|| leaves(&source));
    let leaves = found.leaves.into_iter().map(|leaf| {
        let head = *leaf.head;
        let text = head
            .media_type
            .starts_with("text/")
            .then(|| charset::to_text(head.charset.as_deref(), &leaf.content).0.into_owned());
        let data = Buffer::open(&Content::Memory(leaf.content))?;
        let header = Header(Arc::new(head.header));
        Ok((head.path.to_string(), head.media_type, head.filename, head.charset, header, data, text))
    });
    Ok((Header(Arc::new(found.header)), leaves.collect::<PyResult<_>>()?))
}

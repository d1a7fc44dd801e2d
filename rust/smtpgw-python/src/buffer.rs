//! `smtpgw.Buffer`: octets at rest, handed to Python without a copy.
//!
//! Content in memory is shared by reference count. A stretch of the spool's unlinked file is mapped when it is large
//! enough to be worth a mapping, and read otherwise; either way the buffer owns what it shows, so a `memoryview`
//! outlives the part, the message and the gateway.

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};
use smtpgw_gateway::message::Content;

/// Read-only octets with the buffer protocol.
#[pyclass(frozen, module = "smtpgw._core", name = "Buffer")]
pub(crate) struct Buffer {
    octets: Octets,
    hash: PyOnceLock<isize>,
}

enum Octets {
    Memory(Bytes),
    Mapped(Mmap),
}

impl Buffer {
    /// Opens content at rest. May read a little from the disk.
    pub(crate) fn open(content: &Content) -> io::Result<Self> {
        let octets = match content {
            Content::Memory(octets) => Octets::Memory(octets.clone()),
            Content::File { file, offset, len } => Octets::of_file(file, *offset, *len)?,
        };
        Ok(Self { octets, hash: PyOnceLock::new() })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.octets {
            Octets::Memory(octets) => octets,
            Octets::Mapped(octets) => octets,
        }
    }
}

impl Octets {
    fn of_file(file: &File, offset: u64, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len < MAP_AT_LEAST {
            let mut octets = vec![0; len];
            file.read_exact_at(&mut octets, offset)?;
            return Ok(Self::Memory(octets.into()));
        }
        // SAFETY: the spool's files have no name from the start, only this process holds them, and it only appends:
        // a stretch that was handed out is never written again and the file is never truncated.
        let mapped = unsafe { MmapOptions::new().offset(offset).len(len).map(file)? };
        Ok(Self::Mapped(mapped))
    }
}

#[pymethods]
impl Buffer {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let octets = slf.get().as_slice();
        let len = ffi::Py_ssize_t::try_from(octets.len())?;
        // SAFETY: CPython hands a valid `view`. The octets stay where they are as long as the buffer object lives,
        // and PyBuffer_FillInfo makes the view hold a reference to it; `readonly` is 1, so the cast is never used
        // to write.
        let result =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), octets.as_ptr().cast_mut().cast(), len, 1, flags) };
        if result == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }

    fn __len__(&self) -> usize {
        self.as_slice().len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.as_slice())
    }

    /// An octet as a number, or a stretch as bytes.
    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, octets) = (index.py(), self.as_slice());
        let len = isize::try_from(octets.len())?;
        if let Ok(slice) = index.cast::<PySlice>() {
            let indices = slice.indices(len)?;
            if indices.step == 1 {
                let stretch = octets.get(indices.start as usize..indices.stop.max(indices.start) as usize);
                return Ok(PyBytes::new(py, stretch.unwrap_or_default()).into_any());
            }
            let picked: Vec<u8> = (0..indices.slicelength as isize)
                .filter_map(|nth| octets.get((indices.start + nth * indices.step) as usize).copied())
                .collect();
            return Ok(PyBytes::new(py, &picked).into_any());
        }
        let index: isize = index.extract()?;
        let from_start = if index < 0 { index.saturating_add(len) } else { index };
        let octet = usize::try_from(from_start).ok().and_then(|at| octets.get(at));
        let octet = octet.ok_or_else(|| PyIndexError::new_err("index out of range"))?;
        Ok(octet.into_pyobject(py)?.into_any())
    }

    /// Whether a stretch of octets (or one octet, given as a number) occurs.
    fn __contains__(&self, wanted: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(octet) = wanted.extract::<u8>() {
            return Ok(memchr::memchr(octet, self.as_slice()).is_some());
        }
        if let Ok(stretch) = wanted.cast::<PyBytes>() {
            return Ok(memchr::memmem::find(self.as_slice(), stretch.as_bytes()).is_some());
        }
        let py = wanted.py();
        let buffer = PyBuffer::<u8>::get(wanted)
            .map_err(|_| PyTypeError::new_err("a bytes-like object or an int from 0 to 255 is required"))?;
        let stretch = buffer.to_vec(py)?;
        Ok(memchr::memmem::find(self.as_slice(), &stretch).is_some())
    }

    fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(slf.get().as_slice() == other.get().as_slice());
        }
        if let Ok(other) = other.cast::<PyBytes>() {
            return Ok(slf.get().as_slice() == other.as_bytes());
        }
        PyMemoryView::from(slf.as_any())?.eq(other)
    }

    /// That of equal `bytes`, of which only `bytes` itself knows how it is made: the one place that copies, once.
    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.hash.get_or_try_init(py, || self.__bytes__(py).hash()).copied()
    }

    fn __repr__(&self) -> String {
        format!("<smtpgw.Buffer of {} octets>", self.as_slice().len())
    }
}

/// Octets from which a mapping is cheaper than reading, and below which mappings could run out first: the kernel
/// gives a process 65,530 of them.
const MAP_AT_LEAST: usize = 64 << 10;

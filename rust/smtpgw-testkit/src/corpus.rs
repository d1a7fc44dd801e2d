//! The files under `tests/corpus/`, which Rust and Python tests read alike.

use std::path::{Path, PathBuf};

/// All files of one folder of the corpus that end in `.extension`: name and octets, in order of their names.
///
/// # Panics
/// If the folder cannot be read or holds none, which would make a test pass without having tested anything.
pub fn files(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(folder);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", root.display())).path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let octets = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), octets)
        })
        .collect();
    assert!(!files.is_empty(), "no .{extension} in {}", root.display());
    files.sort();
    files
}

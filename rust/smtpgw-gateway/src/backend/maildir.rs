//! The embedded backend: a Maildir, for trying smtpgw out and for small sites.
//!
//! Final delivery by RFC 5321 §4.4: `Return-Path:` and one `Delivered-To:` for each recipient go on top, the content
//! follows byte for byte. A message is acknowledged when file and folder are on the disk (see [`crate::durable`]).
//! It keeps one mailbox for everybody: who may receive is the listener's `recipient_domains`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smtpgw_smtp::{ForwardPath, ReversePath};

use super::site::Site;
use crate::durable;
use crate::outgoing::Outgoing;
use crate::spool::blocking;

/// A transaction with the mailbox.
#[derive(Debug)]
pub(crate) struct Maildir {
    pub(super) site: Arc<Site>,
    folder: PathBuf,
    envelope: Vec<u8>,
}

impl Maildir {
    pub(crate) fn new(site: Arc<Site>, folder: &Path) -> Self {
        Self { site, folder: folder.to_owned(), envelope: Vec::new() }
    }

    /// Makes the mailbox. Blocks.
    pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
        ["tmp", "new", "cur"].iter().try_for_each(|name| durable::make_folder(&folder.join(name)))
    }

    pub(crate) fn mail(&mut self, reverse_path: &ReversePath) {
        self.envelope = format!("Return-Path: <{}>\r\n", reverse_path.as_str()).into_bytes();
    }

    pub(crate) fn recipient(&mut self, forward_path: &ForwardPath) {
        self.envelope.extend_from_slice(format!("Delivered-To: {}\r\n", forward_path.as_str()).as_bytes());
    }

    /// Stores the message under a name that holds `unique`; the file's name.
    pub(crate) async fn deliver(&mut self, unique: String, mut message: Outgoing) -> io::Result<String> {
        message.prepend(std::mem::take(&mut self.envelope));
        let (temporary, to) = (self.folder.join("tmp").join(&unique), self.folder.join("new").join(&unique));
        let fill = move |file: &mut File| message.write_to(file);
        blocking(move || durable::store(&temporary, &to, fill)).await??;
        Ok(unique)
    }
}

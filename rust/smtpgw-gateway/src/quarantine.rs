//! Messages kept for an administrator, durably before anybody is told so (tenet 1).
//!
//! A folder with two files a message: `ID.eml`, the content byte for byte, and `ID.json`, why it is here and whom
//! it was for. The JSON is written last, so a message without one was never acknowledged.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::content::Reader;
use crate::decision::Decision;
use crate::durable;
use crate::message::{Content, Message};
use crate::spool::blocking;

#[derive(Serialize)]
struct Card {
    id: String,
    time: String,
    client: String,
    helo: String,
    reverse_path: String,
    forward_paths: Vec<String>,
    by: String,
    reason: String,
    size: u64,
}

/// Stores a message. When it returns `Ok`, it is on the disk.
pub(crate) async fn keep(
    folder: PathBuf,
    id: String,
    time: String,
    message: Arc<Message>,
    content: Content,
    decision: &Decision,
) -> io::Result<()> {
    let card = Card {
        time,
        client: message.session.client.to_string(),
        helo: message.session.helo.clone(),
        reverse_path: message.envelope.reverse_path.clone(),
        forward_paths: message.envelope.forward_paths.clone(),
        by: decision.by.clone(),
        reason: decision.reason.clone(),
        size: content.len(),
        id: id.clone(),
    };
    let card = serde_json::to_vec_pretty(&card).map_err(io::Error::other)?;
    blocking(move || {
        durable::make_folder(&folder)?;
        let name = |end: &str| folder.join(format!("{id}{end}"));
        let content = |file: &mut File| io::copy(&mut Reader::new(&content), file).map(drop);
        let stored = durable::store(&name(".eml.part"), &name(".eml"), content)
            .and_then(|()| durable::store(&name(".json.part"), &name(".json"), |file| file.write_all(&card)));
        if stored.is_err() {
            // Its sender brings it again, and each time on a full disk another half would stay. The card goes first: as
            // long as it is there, the message was acknowledged.
            for end in [".json", ".eml"] {
                let _ = fs::remove_file(name(end));
            }
        }
        stored
    })
    .await?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::collections::BTreeSet;

    use parking_lot::RwLock;

    use super::*;
    use crate::decision::fold;
    use crate::message::{Envelope, Session};
    use crate::settings::Settings;

    #[tokio::test]
    async fn a_message_whose_card_finds_no_room_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        // As on a disk that has room for the one and not for the other.
        fs::create_dir(folder.path().join("id.json.part")).unwrap();
        let (client, message) = ("192.0.2.1:1".parse().unwrap(), Content::Memory("Subject: x\r\n\r\n".into()));
        let session = Arc::new(Session::new(String::new(), client, client));
        let whole = Message { session, envelope: Envelope::default(), progress: RwLock::default() };
        let (whole, decision) = (Arc::new(whole), fold(&[], &[], &BTreeSet::new(), &Settings::default()));
        let path = folder.path().to_owned();
        let kept = keep(path, "id".into(), String::new(), Arc::clone(&whole), message.clone(), &decision).await;
        assert!(kept.is_err());
        assert!(!folder.path().join("id.eml").exists());
        let path = folder.path().to_owned();
        keep(path, "other".into(), String::new(), whole, message, &decision).await.unwrap();
        assert!(folder.path().join("other.eml").exists() && folder.path().join("other.json").exists());
    }
}

//! Messages kept for an administrator, durably before anybody is told so (tenet 1).
//!
//! A folder with two files a message: `ID.eml`, the content byte for byte, and `ID.json`, why it is here and whom
//! it was for. The JSON is written last, so a message without one was never acknowledged.

use std::fs::File;
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
        durable::store(&name(".eml.part"), &name(".eml"), content)?;
        durable::store(&name(".json.part"), &name(".json"), |file| file.write_all(&card))
    })
    .await?
}

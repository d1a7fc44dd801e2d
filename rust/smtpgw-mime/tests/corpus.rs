//! Messages as programs write them, whole files with what is expected of each beside it: `tests/corpus/mime`.
//!
//! `NAME.json` holds the parts in order with what their heads say and their decoded content, as `text` where the
//! type is text, else as `base64`; and the defects with their offsets. `SMTPGW_WRITE_EXPECTED=1` writes the files
//! anew, for a person to look at.

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use smtpgw_mime::{PartKind, charset};
use support::{Part, decode};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/mime")
}

fn part(part: &Part) -> Value {
    let head = &part.head;
    let kind = match head.kind {
        PartKind::Leaf => "leaf",
        PartKind::Multipart => "multipart",
        PartKind::Message => "message",
    };
    let mut value = json!({
        "path": head.path.to_string(),
        "kind": kind,
        "media_type": head.media_type,
        "transfer_encoding": head.transfer_encoding,
    });
    let mut set = |key: &str, content: Option<Value>| {
        if let (Some(object), Some(content)) = (value.as_object_mut(), content) {
            object.insert(key.to_owned(), content);
        }
    };
    set("charset", head.charset.as_deref().map(Value::from));
    set("disposition", head.disposition.as_deref().map(Value::from));
    set("filename", head.filename.as_deref().map(Value::from));
    set("names", (!head.names.is_empty()).then(|| json!(head.names)));
    set("subject", head.header.first("Subject").map(|field| Value::from(field.decoded())));
    if head.kind == PartKind::Leaf {
        if head.media_type.starts_with("text/") {
            set("text", Some(Value::from(charset::to_text(head.charset.as_deref(), &part.data).0)));
        } else {
            set("base64", Some(Value::from(data_encoding::BASE64.encode(&part.data))));
        }
    }
    value
}

#[test]
fn every_message_is_read_as_expected() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the corpus is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    assert!(files.len() >= 14, "the corpus is whole: {}", files.len());
    for file in files {
        let raw = std::fs::read(&file).expect("the message can be read");
        let tree = decode(&raw);
        assert!(tree.limits.is_empty());
        let found = json!({ "parts": tree.parts.iter().map(part).collect::<Vec<_>>(), "defects": tree.defects });
        let beside = file.with_extension("json");
        if std::env::var_os("SMTPGW_WRITE_EXPECTED").is_some() {
            let text = serde_json::to_string_pretty(&found).expect("JSON can be written");
            std::fs::write(&beside, text + "\n").expect("the expectation can be written");
            continue;
        }
        let expected = std::fs::read_to_string(&beside).expect("an expectation stands beside each message");
        let expected: Value = serde_json::from_str(&expected).expect("the expectation is JSON");
        assert_eq!(found, expected, "{}", file.display());
    }
}

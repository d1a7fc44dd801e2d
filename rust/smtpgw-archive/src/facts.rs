//! What an Office document in a zip (ECMA-376) is seen to have: a VBA project, and parts that it loads from elsewhere.
//!
//! Looks at members as they pass by. Links that a reader has to click are no fact: every document with a web address
//! has them, and they are found as addresses are.

use crate::limits::RELATIONSHIPS;
use crate::{Fact, Member, Members, Unscanned};

/// Passes members on and notes facts.
pub(crate) struct Office<'a> {
    members: &'a mut dyn Members,
    /// What has come of the relationships that pass by.
    relationships: Option<Vec<u8>>,
    has_macros: bool,
    has_external: bool,
}

impl<'a> Office<'a> {
    pub(crate) fn new(members: &'a mut dyn Members) -> Self {
        Self { members, relationships: None, has_macros: false, has_external: false }
    }

    /// Tells the facts; all members have passed by.
    pub(crate) fn tell(self) {
        if self.has_macros {
            self.members.fact(Fact::Macros);
        }
        if self.has_external {
            self.members.fact(Fact::ExternalTarget);
        }
    }
}

impl Members for Office<'_> {
    fn begin(&mut self, member: Member<'_>) {
        let other = member.other_path.as_deref().unwrap_or_default().to_lowercase();
        let paths = [member.path.to_lowercase(), other];
        let is = |path: &String| path == "vbaproject.bin" || path.ends_with("/vbaproject.bin");
        self.has_macros |= paths.iter().any(is);
        self.relationships = paths.iter().any(|path| path.ends_with(".rels")).then(Vec::new);
        self.members.begin(member);
    }

    fn data(&mut self, octets: &[u8]) {
        if let Some(relationships) = &mut self.relationships {
            let room = RELATIONSHIPS.saturating_sub(relationships.len());
            // In UTF-16 every other octet is a zero.
            relationships.extend(octets.iter().filter(|&&octet| octet != 0).take(room));
        }
        self.members.data(octets);
    }

    fn end(&mut self, outcome: Result<(), Unscanned>) {
        if let Some(relationships) = self.relationships.take() {
            self.has_external |= loads_from_elsewhere(&relationships);
        }
        self.members.end(outcome);
    }

    fn fact(&mut self, fact: Fact) {
        self.members.fact(fact);
    }
}

/// Whether one of the relationships (ECMA-376-2 §8.5.3) is loaded from elsewhere without being asked.
fn loads_from_elsewhere(xml: &[u8]) -> bool {
    xml.split(|&octet| octet == b'<').any(|tag| {
        let tag = tag.split(|&octet| octet == b'>').next().unwrap_or(tag);
        // Anything but the default is external: what is written in entities has something to hide.
        let is_external = attribute(tag, b"TargetMode").is_some_and(|mode| mode != b"Internal");
        is_external && attribute(tag, b"Type").is_none_or(|kind| !kind.ends_with(b"/hyperlink"))
    })
}

/// The value of an attribute.
fn attribute<'t>(tag: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    memchr::memmem::find_iter(tag, name).find_map(|at| {
        // `Type` is also in the values, and the end of other names.
        let stands_alone = at.checked_sub(1).and_then(|before| tag.get(before)).is_some_and(u8::is_ascii_whitespace);
        let rest = tag.get(at + name.len()..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let (quote, value) = rest.split_first()?;
        let end = memchr::memchr(*quote, value)?;
        (stands_alone && matches!(quote, b'"' | b'\'')).then(|| &value[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relationships() {
        let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        for (tag, is_external) in [
            (
                format!(
                    "<Relationship Id='a' Type='{kind}/attachedTemplate' Target='http://x/' TargetMode='External'/>"
                ),
                true,
            ),
            (
                format!("<Relationship TargetMode = \"External\"\nType=\"{kind}/oleObject\" Target=\"http://x/\"/>"),
                true,
            ),
            (format!("<Relationship Type='{kind}/frame' Target='x' TargetMode='&#69;xternal'/>"), true),
            (format!("<Relationship Type='{kind}/hyperlink' Target='http://x/' TargetMode='External'/>"), false),
            (format!("<Relationship Type='{kind}/oleObject' Target='a.bin' TargetMode='Internal'/>"), false),
            (format!("<Relationship Type='{kind}/styles' Target='styles.xml'/>"), false),
            ("<Relationship Target='TargetMode=External'/>".into(), false),
        ] {
            let xml = format!("<?xml version='1.0'?><Relationships>{tag}</Relationships>");
            assert_eq!(loads_from_elsewhere(xml.as_bytes()), is_external, "{tag}");
        }
    }
}

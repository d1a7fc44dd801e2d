//! A leaf while its octets are still coming.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_mime::{Defect, Header};

use crate::message::{Content, Part};

/// A leaf without its octets.
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) media_type: String,
    pub(super) filename: Option<String>,
    pub(super) names: Vec<String>,
    pub(super) charset: Option<String>,
    pub(super) transfer_encoding: String,
    pub(super) header: Arc<Header>,
    pub(super) hash: Sha256,
    pub(super) defects: Vec<Defect>,
    pub(super) container: Option<&'static str>,
}

impl Leaf {
    /// The part, now that its octets rest.
    pub(super) fn rest(self, data: Content) -> Arc<Part> {
        Arc::new(Part {
            path: self.path,
            media_type: self.media_type,
            filename: self.filename,
            names: self.names,
            charset: self.charset,
            transfer_encoding: self.transfer_encoding,
            header: self.header,
            data,
            sha256: self.hash.finalize().into(),
            defects: self.defects,
            container: self.container,
        })
    }
}

//! What an allowed request takes along to the service.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::{
    condition::{CLAIM, ClaimPaths},
    grammar::{Shape, Text, fields},
    reader::{Fault, Place, Reader},
    tokens::FIELD,
};
use crate::{http, json::Object};

fields! {
    /// What goes upstream with an allowed request. A field that is set here is the verifier's: copies of
    /// it that the caller sent are removed, also on public routes and however they are spelled.
    pub(super) static UPSTREAM {
        /// Whether the token itself goes upstream.
        "forward_token": optional Shape::Flag,
        /// Claims that become header fields.
        "claims": optional Shape::List(&Shape::Object(&CLAIM_FIELD)),
        /// The field for the token's whole payload, as it is in the token: JSON in base64url.
        "payload": optional Shape::Text(&OWN_FIELD),
    }
}

fields! {
    /// A claim that becomes a header field. A list is joined by commas. A claim that is absent, an object,
    /// or not printable ASCII sets no field.
    static CLAIM_FIELD {
        /// The claim: one member name, or a path of member names.
        "claim": required CLAIM,
        /// The field.
        "header": required Shape::Text(&OWN_FIELD),
    }
}

/// Fields that mean something to HTTP or to the proxy itself, or by which a caller proves itself.
const RESERVED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "date",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    DRY_RUN_FIELD,
];

/// The field that tells the service what the verifier would have answered.
pub(crate) const DRY_RUN_FIELD: &str = "tessera-dry-run";

static OWN_FIELD: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
    check: |text, settings| {
        if RESERVED.contains(&http::folded(text).as_str()) {
            return Some(Fault::new(format!("`{text}` has a meaning of its own: take another name")));
        }
        (FIELD.check)(text, settings)
    },
};

/// What goes upstream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upstream {
    pub(crate) forward_token: bool,
    /// The place of a claim among the policy's, and the field it goes into.
    pub(crate) claims: Vec<(usize, String)>,
    pub(crate) payload: Option<String>,
    /// The fields of the verifier, folded: no caller's copy gets through.
    pub(crate) own_fields: Vec<String>,
}

impl Upstream {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        policy: &Object<'_>,
        place: &Place<'_>,
        paths: &mut ClaimPaths,
    ) -> Self {
        let mut upstream = Self { own_fields: [DRY_RUN_FIELD.to_owned()].into(), ..Self::default() };
        let Some(object) = policy.object("upstream") else { return upstream };
        let place = place.member("upstream");
        upstream.forward_token = object.flag("forward_token");
        let list = place.member("claims");
        for (index, node) in object.list("claims").iter().enumerate() {
            let Some(entry) = node.as_object() else { continue };
            let (Some(claim), Some(field)) = (paths.read(entry), entry.text("header")) else { continue };
            if !upstream.own(field) {
                let message = format!("`{field}` is set twice");
                reader.problem(node, &list.element(index), message, None);
            }
            upstream.claims.push((claim, field.to_ascii_lowercase()));
        }
        if let Some(field) = object.text("payload") {
            if !upstream.own(field)
                && let Some(node) = object.get("payload")
            {
                reader.problem(node, &place.member("payload"), format!("`{field}` is set twice"), None);
            }
            upstream.payload = Some(field.to_ascii_lowercase());
        }
        upstream
    }

    /// Takes a field over, if it is not taken.
    fn own(&mut self, field: &str) -> bool {
        let folded = http::folded(field);
        let free = !self.own_fields.contains(&folded);
        if free {
            self.own_fields.push(folded);
        }
        free
    }
}

//! What an allowed request takes along to the service.

use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec, vec::Vec};

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
    /// The fields that the verifier answers for, folded: no caller's copy gets through. Every permit has them.
    pub(crate) owned_fields: Arc<[String]>,
}

impl Upstream {
    /// What goes upstream where nothing is said about that.
    pub(super) fn owning_nothing() -> Self {
        Self { owned_fields: [DRY_RUN_FIELD.to_owned()].into(), ..Self::default() }
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        policy: &Object<'_>,
        place: &Place<'_>,
        paths: &mut ClaimPaths,
    ) -> Self {
        let mut own = vec![DRY_RUN_FIELD.to_owned()];
        let mut upstream = Self::default();
        if let Some(object) = policy.object("upstream") {
            upstream.read_members(reader, object, place, paths, &mut own);
        }
        upstream.owned_fields = own.into();
        upstream
    }

    fn read_members(
        &mut self,
        reader: &mut Reader<'_>,
        object: &Object<'_>,
        place: &Place<'_>,
        paths: &mut ClaimPaths,
        own: &mut Vec<String>,
    ) {
        let place = place.member("upstream");
        self.forward_token = object.flag("forward_token");
        let list = place.member("claims");
        for (index, node) in object.list("claims").iter().enumerate() {
            let Some(entry) = node.as_object() else { continue };
            let (Some(claim), Some(field)) = (paths.read(entry), entry.text("header")) else { continue };
            if !take_over(own, field) {
                let message = format!("`{field}` is set twice");
                reader.problem(node, &list.element(index), message, None);
            }
            self.claims.push((claim, field.to_ascii_lowercase()));
        }
        if let Some(field) = object.text("payload") {
            if !take_over(own, field)
                && let Some(node) = object.get("payload")
            {
                reader.problem(node, &place.member("payload"), format!("`{field}` is set twice"), None);
            }
            self.payload = Some(field.to_ascii_lowercase());
        }
    }
}

/// Makes a field the verifier's own, if it is not yet.
fn take_over(own: &mut Vec<String>, field: &str) -> bool {
    let folded = http::folded(field);
    let free = !own.contains(&folded);
    if free {
        own.push(folded);
    }
    free
}

//! A status list token (§5.1): a list that its issuer signed, read once the signature is known to be good.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

use super::list::StatusList;
use crate::{
    document::DocumentError,
    error::{Error, Part},
    excerpt::Excerpt,
    json::{Bounds, Value},
    limits,
    policy::Issuer,
    time::Timestamp,
    token::{self, Claims, Compact, Round},
};

/// The `typ` of a status list token, without `application/`.
pub(crate) const TYPE: &str = "statuslist+jwt";

/// The bounds of the claims of a status list token.
const BOUNDS: Bounds =
    Bounds { bytes: limits::STATUS_LIST_BYTES, depth: limits::TOKEN_DEPTH, elements: limits::TOKEN_ELEMENTS };

/// The claims of a status list token.
#[derive(Clone, Debug)]
pub(crate) struct StatusListToken {
    /// The URL of the list.
    pub(crate) uri: String,
    pub(crate) issued: Timestamp,
    /// After this the list says nothing any more.
    pub(crate) expiry: Option<Timestamp>,
    /// How long copies of it may be used before it is fetched anew, in seconds.
    pub(crate) ttl: Option<u64>,
    pub(crate) list: StatusList,
}

/// What is wrong with the claim `status_list` of a status list token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFault {
    /// The `bits` are not 1, 2, 4 or 8.
    BitsUnknown,
    /// There is no `lst`, or it is no text.
    ListMissing,
    /// The `lst` is not canonical unpadded base64url.
    NotBase64Url,
    /// The `lst` is not compressed as zlib has it, or not all of it.
    NotZlib,
    /// The list is longer than [`STATUS_LIST_INFLATED_BYTES`](limits::STATUS_LIST_INFLATED_BYTES).
    TooLong,
}

impl StatusListToken {
    /// Reads the claims of a token whose signature is the issuer's. Nothing is inflated of a list that is expired, or
    /// not the issuer's to publish.
    pub(crate) fn read(
        compact: &Compact<'_>,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Self, DocumentError> {
        let text = compact.payload()?;
        let claims = token::parse_object(&text, Part::Payload, BOUNDS)?;
        if claims.get("iss").is_some() {
            let name = Claims::issuer(&claims)?;
            if name != issuer.name {
                return Err(Error::IssuerUnknown { issuer: Excerpt::new(name) }.into());
            }
        }
        let uri = token::required(&claims, "sub")?;
        if !issuer.status.as_ref().is_some_and(|rules| rules.cover(uri)) {
            return Err(DocumentError::OtherList(Excerpt::new(uri)));
        }
        let time = token::date(&claims, "iat", Round::Down)?.ok_or(Error::ClaimMissing { claim: "iat" })?;
        let expiry = token::date(&claims, "exp", Round::Down)?;
        let ttl = token::date(&claims, "ttl", Round::Down)?.map(Timestamp::as_seconds);
        if ttl == Some(0) {
            return Err(Error::ClaimMalformed { claim: "ttl" }.into());
        }
        if now.plus(issuer.clock_skew) < time {
            return Err(Error::IssuedInFuture { issued: time, now }.into());
        }
        if let Some(expiry) = expiry.filter(|expiry| now >= expiry.plus(issuer.clock_skew)) {
            return Err(Error::Expired { expiry, now }.into());
        }
        let list = match claims.get("status_list").map(|node| &node.value) {
            Some(Value::Object(list)) => StatusList::read(list).map_err(DocumentError::ListMalformed)?,
            Some(_) => return Err(Error::ClaimMalformed { claim: "status_list" }.into()),
            None => return Err(Error::ClaimMissing { claim: "status_list" }.into()),
        };
        Ok(Self { uri: uri.to_owned(), issued: time, expiry, ttl, list })
    }
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ListFault::BitsUnknown => "`bits` is not 1, 2, 4 or 8",
            ListFault::ListMissing => "there is no text `lst`",
            ListFault::NotBase64Url => "`lst` is not canonical unpadded base64url",
            ListFault::NotZlib => "`lst` is not one whole zlib stream",
            ListFault::TooLong => "the list is too long",
        })
    }
}

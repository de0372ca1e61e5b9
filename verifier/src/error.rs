//! Why a request is refused: one flat type, each variant with its evidence.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use crate::{algorithm::Algorithm, excerpt::Excerpt, json::JsonError, target::TargetFault, time::Timestamp};

/// One of the three parts of a token (RFC 7515 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The claims.
    Payload,
    /// The signature.
    Signature,
}

/// Why a token or a request is refused.
///
/// What it says is for the operator. What the caller learns is in [`Rejection`](crate::Rejection).
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The request carries no token where the policy reads one.
    TokenMissing,
    /// The request carries tokens in more than one place (RFC 6750 §2: one method, once).
    CredentialsRepeated {
        /// In how many.
        places: usize,
    },
    /// Where the request has to carry one token stands something else (RFC 6750 §2.1).
    CredentialsMalformed,

    /// The token is longer than [`TOKEN_BYTES`](crate::limits::TOKEN_BYTES).
    TokenTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The token does not have the three parts of a signed JWT (RFC 7515 §3.1).
    TokenNotCompact {
        /// How many parts it has; counting stops soon after three.
        parts: usize,
    },
    /// The token has the five parts of an encrypted JWT (RFC 7516 §3.1).
    TokenEncrypted,
    /// A part has no characters.
    PartEmpty(Part),
    /// The header is longer than [`TOKEN_HEADER_BYTES`](crate::limits::TOKEN_HEADER_BYTES).
    HeaderTooLong {
        /// Its length in bytes, decoded.
        bytes: usize,
    },
    /// A part is not canonical unpadded base64url (RFC 7515 §2, RFC 4648 §3.5).
    PartNotBase64Url(Part),
    /// A part is not UTF-8.
    PartNotUtf8(Part),
    /// A part is not the strict JSON that it has to be.
    PartNotJson(Part, JsonError),
    /// A part is JSON, but not an object.
    PartNotObject(Part),

    /// A header parameter has the wrong type or form.
    HeaderMalformed {
        /// Which one.
        parameter: &'static str,
    },
    /// The header names no algorithm.
    AlgorithmMissing,
    /// The header names an algorithm that no policy can allow: `none`, a MAC, or one unknown here.
    AlgorithmUnknown {
        /// What it names.
        algorithm: Excerpt,
    },
    /// The policy does not allow this issuer the algorithm.
    AlgorithmForbidden {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The header marks extensions as critical, and none is understood here (RFC 7515 §4.1.11).
    ExtensionsCritical,
    /// The header changes how the payload is encoded (`b64`, RFC 7797), which no JWT may (§7 there).
    PayloadUnencoded,
    /// The `typ` is not one that the issuer's profile accepts (RFC 9068 §4, RFC 8725 §3.11).
    TypeForbidden {
        /// What it is, if there is one.
        typ: Option<Excerpt>,
    },

    /// The policy does not trust the issuer that the token names.
    IssuerUnknown {
        /// What it names.
        issuer: Excerpt,
    },
    /// There is no usable key set of the issuer: never fetched, or the last good copy is too old.
    KeysUnavailable {
        /// The issuer, as in the policy.
        issuer: String,
    },
    /// The issuer has no key of this identifier and algorithm.
    KeyUnknown {
        /// The `kid` of the token, if there is one.
        kid: Option<Excerpt>,
        /// The algorithm of the token.
        algorithm: Algorithm,
    },
    /// Several keys of the issuer answer to the token's header; guessing would be trying.
    KeyAmbiguous {
        /// How many.
        keys: usize,
    },
    /// The signature is not the key's over this header and payload.
    SignatureWrong,

    /// A claim is absent that has to be there.
    ClaimMissing {
        /// Which one.
        claim: &'static str,
    },
    /// A claim has the wrong type or form.
    ClaimMalformed {
        /// Which one.
        claim: &'static str,
    },
    /// The claims `scope` and `scp` are both there and say different things.
    ScopesDisagree,
    /// The token expired (`exp`, RFC 7519 §4.1.4).
    Expired {
        /// When.
        expiry: Timestamp,
        /// The time of the decision.
        now: Timestamp,
    },
    /// The token is not valid yet (`nbf`, RFC 7519 §4.1.5).
    NotYetValid {
        /// When it will be.
        not_before: Timestamp,
        /// The time of the decision.
        now: Timestamp,
    },
    /// The token was issued in the future (`iat`).
    IssuedInFuture {
        /// When.
        issued: Timestamp,
        /// The time of the decision.
        now: Timestamp,
    },
    /// The token lives longer than the policy allows this issuer's tokens to.
    LifetimeTooLong {
        /// From issue (or now, if it does not say) to expiry, in seconds.
        seconds: u64,
        /// The policy's limit, in seconds.
        limit: u64,
    },
    /// The token names a status list that is not where the policy says that the issuer's are.
    StatusUriRefused {
        /// Where.
        uri: Excerpt,
    },
    /// The list that the token names has no such place.
    StatusUnknown {
        /// The place.
        index: u64,
        /// How many the list has.
        entries: u64,
    },
    /// The issuer took the token back, or suspended it (draft-ietf-oauth-status-list §7).
    TokenRevoked {
        /// What its list says: 1 that it is invalid, 2 that it is suspended, others what the issuer means by them.
        status: u8,
    },
    /// There is no status list that the token could be held against: never fetched, or the last good copy is too old.
    StatusUnavailable {
        /// Where it is.
        uri: Excerpt,
    },
    /// None of the token's audiences is one of the policy's, or of the route's where it has its own.
    AudienceWrong {
        /// Those of the token.
        audiences: Vec<Excerpt>,
    },
    /// The token is bound to a key (`cnf`, RFC 7800) whose proof a Bearer request does not carry.
    SenderConstrained,

    /// A claim does not meet a condition that the policy sets for every token of its issuer.
    IssuerClaimRefused {
        /// Which one.
        claim: String,
    },

    /// The request target could be read in more than one way, so no route is matched against it.
    TargetRefused(TargetFault),
    /// The policy has routes, and none is for this request.
    RouteUnknown,
    /// The route does not take tokens of this issuer.
    IssuerNotAllowed {
        /// The issuer.
        issuer: String,
    },
    /// A claim does not meet a condition of the route.
    ClaimRefused {
        /// Which one.
        claim: String,
    },
    /// The token lacks a scope that the route requires.
    ScopeInsufficient {
        /// The scopes that the route requires.
        required: Vec<String>,
        /// Those of them that the token has not.
        missing: Vec<String>,
    },
}

impl Error {
    /// A stable name, for metrics and for searching logs. Names are never changed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Error::TokenMissing => "token-missing",
            Error::CredentialsRepeated { .. } => "credentials-repeated",
            Error::CredentialsMalformed => "credentials-malformed",
            Error::TokenTooLong { .. } => "token-too-long",
            Error::TokenNotCompact { .. } => "token-not-compact",
            Error::TokenEncrypted => "token-encrypted",
            Error::PartEmpty(_) => "part-empty",
            Error::HeaderTooLong { .. } => "header-too-long",
            Error::PartNotBase64Url(_) => "part-not-base64url",
            Error::PartNotUtf8(_) => "part-not-utf8",
            Error::PartNotJson(..) => "part-not-json",
            Error::PartNotObject(_) => "part-not-object",
            Error::HeaderMalformed { .. } => "header-malformed",
            Error::AlgorithmMissing => "algorithm-missing",
            Error::AlgorithmUnknown { .. } => "algorithm-unknown",
            Error::AlgorithmForbidden { .. } => "algorithm-forbidden",
            Error::ExtensionsCritical => "extensions-critical",
            Error::PayloadUnencoded => "payload-unencoded",
            Error::TypeForbidden { .. } => "type-forbidden",
            Error::IssuerUnknown { .. } => "issuer-unknown",
            Error::KeysUnavailable { .. } => "keys-unavailable",
            Error::KeyUnknown { .. } => "key-unknown",
            Error::KeyAmbiguous { .. } => "key-ambiguous",
            Error::SignatureWrong => "signature-wrong",
            Error::ClaimMissing { .. } => "claim-missing",
            Error::ClaimMalformed { .. } => "claim-malformed",
            Error::ScopesDisagree => "scopes-disagree",
            Error::Expired { .. } => "token-expired",
            Error::NotYetValid { .. } => "token-not-yet-valid",
            Error::IssuedInFuture { .. } => "token-issued-in-future",
            Error::LifetimeTooLong { .. } => "lifetime-too-long",
            Error::StatusUriRefused { .. } => "status-uri-refused",
            Error::StatusUnknown { .. } => "status-unknown",
            Error::TokenRevoked { .. } => "token-revoked",
            Error::StatusUnavailable { .. } => "status-unavailable",
            Error::AudienceWrong { .. } => "audience-wrong",
            Error::SenderConstrained => "sender-constrained",
            Error::TargetRefused(_) => "target-refused",
            Error::RouteUnknown => "route-unknown",
            Error::IssuerClaimRefused { .. } => "issuer-claim-refused",
            Error::IssuerNotAllowed { .. } => "issuer-not-allowed",
            Error::ClaimRefused { .. } => "claim-refused",
            Error::ScopeInsufficient { .. } => "scope-insufficient",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Header => "header",
            Part::Payload => "payload",
            Part::Signature => "signature",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TokenMissing => write!(f, "the request carries no token"),
            Error::CredentialsRepeated { places } => {
                write!(f, "the request carries tokens in {places} places")
            }
            Error::CredentialsMalformed => {
                write!(f, "where the request carries a token there is not exactly one")
            }
            Error::TokenTooLong { bytes } => write!(f, "the token has {bytes} bytes"),
            Error::TokenNotCompact { parts } => write!(f, "the token has {parts} parts, not 3"),
            Error::TokenEncrypted => write!(f, "the token is an encrypted JWT"),
            Error::PartEmpty(part) => write!(f, "the token's {part} is empty"),
            Error::HeaderTooLong { bytes } => write!(f, "the token's header has {bytes} bytes"),
            Error::PartNotBase64Url(part) => {
                write!(f, "the token's {part} is not canonical unpadded base64url")
            }
            Error::PartNotUtf8(part) => write!(f, "the token's {part} is not UTF-8"),
            Error::PartNotJson(part, error) => {
                write!(f, "the token's {part} is not strict JSON: {error}")
            }
            Error::PartNotObject(part) => write!(f, "the token's {part} is not a JSON object"),
            Error::HeaderMalformed { parameter } => {
                write!(f, "the header parameter `{parameter}` has the wrong type or form")
            }
            Error::AlgorithmMissing => write!(f, "the header names no algorithm"),
            Error::AlgorithmUnknown { algorithm } => {
                write!(f, "the header names the algorithm {algorithm}")
            }
            Error::AlgorithmForbidden { algorithm } => {
                write!(f, "the policy does not allow this issuer {algorithm}")
            }
            Error::ExtensionsCritical => write!(f, "the header has critical extensions (`crit`)"),
            Error::PayloadUnencoded => write!(f, "the header has `b64`"),
            Error::TypeForbidden { typ: Some(typ) } => {
                write!(f, "the token is of type {typ}, which the policy does not accept of the issuer")
            }
            Error::TypeForbidden { typ: None } => {
                write!(f, "the token has no type (`typ`), which the policy wants of the issuer")
            }
            Error::IssuerUnknown { issuer } => write!(f, "no trusted issuer is called {issuer}"),
            Error::KeysUnavailable { issuer } => {
                write!(f, "there is no usable key set of the issuer {issuer:?}")
            }
            Error::KeyUnknown { kid: Some(kid), algorithm } => {
                write!(f, "the issuer has no {algorithm} key with the identifier {kid}")
            }
            Error::KeyUnknown { kid: None, algorithm } => {
                write!(f, "the issuer has no {algorithm} key, and the token names none")
            }
            Error::KeyAmbiguous { keys } => {
                write!(f, "{keys} keys of the issuer answer to the token's header")
            }
            Error::SignatureWrong => write!(f, "the signature is wrong"),
            Error::ClaimMissing { claim } => write!(f, "the claim `{claim}` is missing"),
            Error::ClaimMalformed { claim } => {
                write!(f, "the claim `{claim}` has the wrong type or form")
            }
            Error::ScopesDisagree => write!(f, "the claims `scope` and `scp` disagree"),
            Error::Expired { expiry, now } => write!(f, "the token expired at {expiry}; it is {now}"),
            Error::NotYetValid { not_before, now } => {
                write!(f, "the token is valid from {not_before}; it is {now}")
            }
            Error::IssuedInFuture { issued, now } => {
                write!(f, "the token was issued at {issued}; it is {now}")
            }
            Error::LifetimeTooLong { seconds, limit } => {
                write!(f, "the token lives {seconds} s; the policy allows {limit} s")
            }
            Error::StatusUriRefused { uri } => {
                write!(f, "the token's status list is {uri}, which is not where the issuer's are")
            }
            Error::StatusUnknown { index, entries } => {
                write!(f, "the token's status is number {index} of a list of {entries}")
            }
            Error::TokenRevoked { status } => f.write_str(&revocation(*status)),
            Error::StatusUnavailable { uri } => {
                write!(f, "there is no usable copy of the token's status list {uri}")
            }
            Error::AudienceWrong { audiences } => {
                write!(f, "the token is for {audiences:?}, none of which is served here")
            }
            Error::SenderConstrained => {
                write!(f, "the token is bound to a key (`cnf`), and came without proof of it")
            }
            Error::TargetRefused(fault) => write!(f, "the request target is ambiguous: {fault}"),
            Error::RouteUnknown => write!(f, "no route of the policy is for this request"),
            Error::IssuerClaimRefused { claim } => {
                write!(f, "the claim `{claim}` does not meet what the policy asks of the issuer's tokens")
            }
            Error::IssuerNotAllowed { issuer } => {
                write!(f, "the route does not take tokens of the issuer {issuer:?}")
            }
            Error::ClaimRefused { claim } => {
                write!(f, "the claim `{claim}` does not meet what the route asks")
            }
            Error::ScopeInsufficient { required, missing } => {
                write!(f, "the route requires {required:?}; the token lacks {missing:?}")
            }
        }
    }
}

/// What a status means (draft-ietf-oauth-status-list §7.1).
fn revocation(status: u8) -> Cow<'static, str> {
    match status {
        1 => "the token was revoked".into(),
        2 => "the token is suspended".into(),
        other => format!("the token has the status {other}").into(),
    }
}

impl core::error::Error for Error {}

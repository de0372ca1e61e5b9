//! The issuers of a policy: whom it trusts, by which keys, for which tokens.

use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};

use super::{
    condition::{CONDITIONS, ClaimPaths, Condition},
    grammar::{Number, Shape, TEXT, Text, URL, fields},
    reader::{Fault, Place, Reader},
    status::{self, StatusRules},
    suggestion::did_you_mean,
};
use crate::{
    algorithm::Algorithm,
    crypto::Backend,
    http,
    json::{Node, Object, Value},
    keys::{KeyFault, KeySet, KeyUse},
    limits,
    spiffe::is_trust_domain,
};

fields! {
    /// An issuer that is trusted, and what its tokens have to be like.
    pub(super) static ISSUER {
        /// The `iss` of its tokens, compared exactly. Of JWT-SVIDs `spiffe://` and the trust domain in their `sub`.
        "issuer": required TEXT,
        /// Its metadata says where its keys are (OpenID Connect Discovery 1.0 §4, RFC 8414): `true` for the
        /// usual place below the issuer's URL, or the URL of the document.
        "discovery": optional Shape::Either(&[Shape::True, Shape::Text(&URL)]),
        /// Where its keys are.
        "jwks_uri": optional Shape::Text(&URL),
        /// Its keys themselves: a JWK Set (RFC 7517 §5).
        "jwks": optional Shape::KeySet,
        /// What kind of tokens it hands out. `at+jwt`: access tokens as RFC 9068 has them. `jwt`: plain JWTs,
        /// as workload identities are. `jwt-svid`: JWT-SVIDs of a SPIFFE trust domain, whose keys are those of its
        /// bundle. `client-assertion`: what a client signs about itself (RFC 7523 §3).
        "profile": optional Shape::Text(&PROFILE),
        /// The `typ`s that its tokens may have, instead of the profile's; `application/` is left out.
        "types": optional Shape::List(&Shape::Text(&TYPE)),
        /// The algorithms that its tokens may be signed with; all that are known, if absent.
        "algorithms": optional Shape::List(&Shape::Text(&ALGORITHM)),
        /// How far its clock may be from ours, in seconds.
        "clock_skew": optional Shape::Number(&CLOCK_SKEW),
        /// The longest life of a token, in seconds, from `iat` (or now, without one) to `exp`.
        "max_lifetime": optional Shape::Number(&MAX_LIFETIME),
        /// How long the last good key set may serve while fetching fails, in seconds; one that its issuer calls
        /// fresh for longer serves for that long.
        "max_stale": optional Shape::Number(&MAX_STALE),
        /// Whether its tokens were revoked. Without it a token is good until it expires.
        "status": optional Shape::Object(&status::STATUS),
        /// Conditions that every token of this issuer has to meet.
        "claims": optional CONDITIONS,
    }
    one_of ["discovery", "jwks_uri", "jwks"]
}

/// What clocks kept by NTP never reach; more than the most would be a second lifetime.
pub(super) static CLOCK_SKEW: Number = Number { unit: "seconds", min: 0, max: 300, default: 30 };
/// By default a day, as Kubernetes' and Entra ID's longest; at most a year.
pub(super) static MAX_LIFETIME: Number =
    Number { unit: "seconds", min: 1, max: 366 * 24 * 60 * 60, default: 24 * 60 * 60 };
pub(super) static MAX_STALE: Number =
    Number { unit: "seconds", min: 60, max: 7 * 24 * 60 * 60, default: limits::STALE_SECONDS };

const PROFILES: &[&str] = &{
    let [a, b, c, d] = Profile::ALL;
    [a.as_str(), b.as_str(), c.as_str(), d.as_str()]
};

static PROFILE: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Words(|| PROFILES.to_vec()),
    check: |text, _| {
        (!PROFILES.contains(&text)).then(|| Fault {
            message: format!("`{text}` is no profile; there are {}", PROFILES.join(", ")),
            suggestion: did_you_mean(text, PROFILES),
        })
    },
};

static TYPE: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
    check: |text, _| {
        let media = text.strip_prefix("application/").filter(|rest| http::is_token(rest));
        if http::is_token(text) {
            return None;
        }
        Some(Fault {
            message: format!("`{text}` is no type of token"),
            suggestion: media
                .map(|media| format!("write `{media}`, which `application/{media}` matches, too")),
        })
    },
};

static ALGORITHM: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Words(|| {
        Algorithm::ALL.iter().map(|algorithm| algorithm.name()).chain(["Ed25519"]).collect()
    }),
    check: |text, _| {
        let known = Algorithm::ALL.map(Algorithm::name);
        Algorithm::from_name(text).is_none().then(|| Fault {
            message: format!("`{text}` is not supported; there are {}", known.join(", ")),
            suggestion: did_you_mean(text, &known),
        })
    },
};

/// An issuer and what its tokens have to be like.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// The `iss` of its tokens, exactly.
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// The `typ`s of its tokens, instead of the profile's, if there are any.
    pub(crate) types: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    /// How far its clock may be from ours, in seconds.
    pub(crate) clock_skew: u64,
    /// The longest life of a token, in seconds.
    pub(crate) max_lifetime: u64,
    /// What every token has to meet.
    pub(crate) claims: Vec<Condition>,
    /// What is asked about the status of its tokens, if anything is.
    pub(crate) status: Option<StatusRules>,
    pub(crate) keys: KeySource,
    /// How long the last good copy of its keys serves while fetching fails, in seconds.
    pub(crate) max_stale: u64,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    Inline(Arc<KeySet>),
    /// The URL of its key set.
    Url(String),
    /// The URL of its metadata, which name that of its key set.
    Discovery(String),
}

/// What kind of tokens an issuer hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// JWT access tokens (RFC 9068): `typ` is `at+jwt`; `sub`, `client_id`, `iat` and `jti` are there.
    #[default]
    AccessToken,
    /// Plain JWTs of foreign issuers, as workload identities are: `typ` is `JWT` or absent.
    Jwt,
    /// SPIFFE JWT-SVIDs: `typ` is `JWT`, `JOSE` or absent; the trust domain is read from `sub`, whatever `iss` says.
    JwtSvid,
    /// What clients sign about themselves (RFC 7523 §3): `typ` is `JWT`, `client-authentication+jwt` or absent; `sub`
    /// is `iss`, and `jti` is there.
    ClientAssertion,
}

pub(super) fn read_all(
    reader: &mut Reader<'_>,
    policy: &Object<'_>,
    place: &Place<'_>,
    paths: &mut ClaimPaths,
    backend: Backend,
) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    let place = place.member("issuers");
    for (index, node) in policy.list("issuers").iter().enumerate() {
        let place = place.element(index);
        if let Some(issuer) = Issuer::read(reader, node, &place, paths, backend) {
            if issuers.iter().any(|known| known.name == issuer.name) {
                reader.problem(node, &place, format!("the issuer `{}` is already there", issuer.name), None);
            }
            issuers.push(issuer);
        }
    }
    issuers
}

impl Issuer {
    fn read(
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        place: &Place<'_>,
        paths: &mut ClaimPaths,
        backend: Backend,
    ) -> Option<Self> {
        let object = node.as_object()?;
        let urls = reader.url_rules();
        let name = object.owned_text("issuer");
        let max_stale = object.number("max_stale", &MAX_STALE);
        let profile = object.text("profile").map_or(Some(Profile::default()), Profile::from_name)?;
        let algorithms = algorithms(object, profile);
        if profile == Profile::JwtSvid {
            check_trust_domain(reader, object, place);
        }
        let keys = match (object.get("jwks_uri"), object.get("discovery"), object.get("jwks")) {
            (Some(url), None, None) => KeySource::Url(url.as_text()?.to_owned()),
            (None, Some(discovery), None) => {
                let place = place.member("discovery");
                KeySource::Discovery(metadata_url(reader, discovery, &place, name.as_deref())?)
            }
            (None, None, Some(node)) => {
                if let Some(node) = object.get("max_stale") {
                    let message = "the keys are in the policy, so they never grow old";
                    reader.problem(node, &place.member("max_stale"), message, None);
                }
                inline_keys(reader, node, &place.member("jwks"), (profile.key_use(), &algorithms), backend)?
            }
            _ => return None,
        };
        Some(Self {
            name: name?,
            profile,
            types: object.texts("types"),
            algorithms,
            clock_skew: object.number("clock_skew", &CLOCK_SKEW),
            max_lifetime: object.number("max_lifetime", &MAX_LIFETIME),
            claims: Condition::read_all(object.list("claims"), paths),
            status: object.object("status").and_then(|status| StatusRules::read(status, urls)),
            keys,
            max_stale,
        })
    }
}

impl Profile {
    /// All of them, in the order in which documents list them.
    pub const ALL: [Self; 4] = [Self::AccessToken, Self::Jwt, Self::JwtSvid, Self::ClientAssertion];

    /// The name in a policy document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "jwt",
            Self::JwtSvid => "jwt-svid",
            Self::ClientAssertion => "client-assertion",
        }
    }

    /// The profile of a name in a policy document.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }

    /// What the keys have to be for.
    pub(crate) fn key_use(self) -> KeyUse {
        match self {
            Self::JwtSvid => KeyUse::JwtSvids,
            Self::AccessToken | Self::Jwt | Self::ClientAssertion => KeyUse::Signatures,
        }
    }

    /// Whether its tokens may be signed with that (JWT-SVID §2.1).
    pub(super) fn allows(self, algorithm: Algorithm) -> bool {
        self != Self::JwtSvid || algorithm != Algorithm::EdDsa
    }

    /// The algorithms that its tokens may be signed with.
    pub(super) fn algorithms(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.allows(*algorithm))
    }
}

/// What cannot be said of a trust domain.
fn check_trust_domain(reader: &mut Reader<'_>, issuer: &Object<'_>, place: &Place<'_>) {
    if let Some(node) = issuer.get("issuer")
        && node.as_text().is_some_and(|name| !is_trust_domain(name))
    {
        let message = "expected `spiffe://` and the name of a trust domain, in lower case";
        reader.problem(node, &place.member("issuer"), message, None);
    }
    if let Some(node) = issuer.get("discovery") {
        let suggestion = Some("write the URL of its bundle as `jwks_uri`".to_owned());
        reader.problem(node, &place.member("discovery"), "a trust domain has no metadata", suggestion);
    }
    let place = place.member("algorithms");
    for (index, node) in issuer.list("algorithms").iter().enumerate() {
        let algorithm = node.as_text().and_then(Algorithm::from_name);
        if algorithm.is_some_and(|algorithm| !Profile::JwtSvid.allows(algorithm)) {
            reader.problem(node, &place.element(index), "no JWT-SVID is signed with this", None);
        }
    }
}

fn algorithms(object: &Object<'_>, profile: Profile) -> Vec<Algorithm> {
    if object.get("algorithms").is_none() {
        return profile.algorithms().collect();
    }
    object.texts("algorithms").iter().filter_map(|name| Algorithm::from_name(name)).collect()
}

/// Where the metadata of an issuer is (OpenID Connect Discovery 1.0 §4.1).
fn metadata_url(
    reader: &mut Reader<'_>,
    discovery: &Node<'_>,
    place: &Place<'_>,
    issuer: Option<&str>,
) -> Option<String> {
    if let Value::String(url) = &discovery.value {
        return Some((**url).to_owned());
    }
    let issuer = issuer?;
    if let Some(fault) = reader.url_fault(issuer) {
        let message = format!("the issuer is no URL to find it by: {}", fault.message);
        let suggestion = "write the URL of its metadata, or `jwks_uri`".to_owned();
        reader.problem(discovery, place, message, Some(suggestion));
    }
    Some(usual_metadata_url(issuer))
}

/// Where the metadata of an issuer are unless somebody says otherwise (OpenID Connect Discovery 1.0 §4).
pub(super) fn usual_metadata_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

fn inline_keys(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    place: &Place<'_>,
    (usage, algorithms): (KeyUse, &[Algorithm]),
    backend: Backend,
) -> Option<KeySource> {
    let (keys, skipped) = match KeySet::from_node(node, usage, backend) {
        Ok(read) => read,
        Err(error) => {
            reader.problem(node, place, format!("{error}"), None);
            return None;
        }
    };
    // Of a set somebody else publishes, some keys may be of no use here. This one was written into the
    // policy, so each of its keys was meant; but a bundle is one document for SVIDs of all kinds.
    let list = place.member("keys");
    for key in skipped.iter().filter(|key| key.fault != KeyFault::NotForJwtSvids) {
        let fault = format!("the key cannot be used: {}", key.fault);
        reader.problem(node.element("keys", key.position), &list.element(key.position), fault, None);
    }
    if !algorithms.is_empty() && !algorithms.iter().any(|algorithm| keys.serves(*algorithm)) {
        let message = "none of these keys is for any of `algorithms`, so no token could be good";
        reader.problem(node, place, message, None);
    }
    Some(KeySource::Inline(Arc::new(keys)))
}

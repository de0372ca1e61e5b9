//! The issuers of a policy: whom it trusts, by which keys, for which tokens.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::{
    reader::{Fault, Place, Reader},
    suggestion::did_you_mean,
};
use crate::{
    algorithm::Algorithm,
    crypto::Backend,
    json::{Node, Object},
    keys::KeySet,
    refresh::RemoteKeys,
};

/// An issuer and what its tokens have to be like.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// The `iss` of its tokens, exactly.
    pub(crate) name: String,
    pub(crate) profile: Profile,
    pub(crate) algorithms: Vec<Algorithm>,
    /// How far its clock may be from ours, in seconds.
    pub(crate) clock_skew: u64,
    /// The longest life of a token, in seconds.
    pub(crate) max_lifetime: u64,
    pub(crate) keys: KeySource,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    Inline(KeySet),
    Remote(RemoteKeys),
}

/// What kind of tokens an issuer hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// JWT access tokens (RFC 9068): `typ` is `at+jwt`; `sub`, `client_id`, `iat` and `jti` are there.
    AccessToken,
    /// Plain JWTs of foreign issuers, as workload identities are: `typ` is `JWT` or absent.
    Jwt,
}

const MEMBERS: &[&str] =
    &["issuer", "jwks_uri", "jwks", "profile", "algorithms", "clock_skew", "max_lifetime"];
const PROFILES: &[&str] = &["at+jwt", "jwt"];

/// The default clock skew, in seconds: what clocks kept by NTP never reach.
const CLOCK_SKEW: u64 = 30;
/// The most clock skew, in seconds. More would be a second lifetime.
const CLOCK_SKEW_MAX: u64 = 300;
/// The default longest life of a token, in seconds: a day, as Kubernetes' and Entra ID's longest.
const MAX_LIFETIME: u64 = 24 * 60 * 60;
/// The most that `max_lifetime` can be, in seconds: a year.
const MAX_LIFETIME_MAX: u64 = 366 * 24 * 60 * 60;

pub(super) fn read(
    reader: &mut Reader<'_>,
    policy: &Object<'_>,
    place: &Place<'_>,
    http_loopback: bool,
) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    let Some(list) = policy.get("issuers") else {
        reader.missing(policy, place, "issuers");
        return issuers;
    };
    let Some(nodes) = reader.elements(policy, place, "issuers") else { return issuers };
    let place = place.member("issuers");
    if nodes.is_empty() {
        reader.problem(list, &place, "at least one is needed", None);
    }
    for (index, node) in nodes.iter().enumerate() {
        let place = place.element(index);
        if let Some(issuer) = issuer(reader, node, &place, http_loopback) {
            if issuers.iter().any(|known| known.name == issuer.name) {
                reader.problem(node, &place, format!("the issuer `{}` is already there", issuer.name), None);
            }
            issuers.push(issuer);
        }
    }
    issuers
}

fn issuer(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    place: &Place<'_>,
    http_loopback: bool,
) -> Option<Issuer> {
    let object = reader.object(node, place, MEMBERS)?;
    if object.get("issuer").is_none() {
        reader.missing(object, place, "issuer");
    }
    let name = reader.optional_text(object, place, "issuer").map(|(name, _)| name.to_owned());
    let profile = profile(reader, object, place);
    let algorithms = algorithms(reader, object, place);
    let clock_skew = reader.seconds(object, place, "clock_skew", &(0..=CLOCK_SKEW_MAX), CLOCK_SKEW);
    let max_lifetime = reader.seconds(object, place, "max_lifetime", &(1..=MAX_LIFETIME_MAX), MAX_LIFETIME);
    let keys = keys(reader, object, place, http_loopback)?;
    Some(Issuer { name: name?, profile, algorithms, clock_skew, max_lifetime, keys })
}

fn profile(reader: &mut Reader<'_>, object: &Object<'_>, place: &Place<'_>) -> Profile {
    match reader.optional_text(object, place, "profile") {
        None | Some(("at+jwt", _)) => Profile::AccessToken,
        Some(("jwt", _)) => Profile::Jwt,
        Some((other, node)) => {
            let suggestion = did_you_mean(other, PROFILES);
            let message = format!("`{other}` is no profile; there are {}", PROFILES.join(" and "));
            reader.problem(node, &place.member("profile"), message, suggestion);
            Profile::AccessToken
        }
    }
}

fn algorithms(reader: &mut Reader<'_>, object: &Object<'_>, place: &Place<'_>) -> Vec<Algorithm> {
    if object.get("algorithms").is_none() {
        return Algorithm::ALL.to_vec();
    }
    let names = reader.identifiers(object, place, "algorithms", |name| {
        let known = Algorithm::ALL.map(Algorithm::name);
        Algorithm::from_name(name).is_none().then(|| Fault {
            message: format!("`{name}` is not supported; there are {}", known.join(", ")),
            suggestion: did_you_mean(name, &known),
        })
    });
    names.iter().filter_map(|name| Algorithm::from_name(name)).collect()
}

fn keys(
    reader: &mut Reader<'_>,
    object: &Object<'_>,
    place: &Place<'_>,
    http_loopback: bool,
) -> Option<KeySource> {
    match (object.get("jwks_uri"), object.get("jwks")) {
        (Some(_), None) => {
            let (url, node) = reader.optional_text(object, place, "jwks_uri")?;
            let url = reader.url(url, node, &place.member("jwks_uri"), http_loopback);
            Some(KeySource::Remote(RemoteKeys::new(url)))
        }
        (None, Some(node)) => inline_keys(reader, node, &place.member("jwks")),
        (Some(node), Some(_)) => {
            reader.problem(node, &place.member("jwks_uri"), "`jwks` is there as well: keep one", None);
            None
        }
        (None, None) => {
            reader.missing(object, place, "jwks_uri` or `jwks");
            None
        }
    }
}

fn inline_keys(reader: &mut Reader<'_>, node: &Node<'_>, place: &Place<'_>) -> Option<KeySource> {
    let (keys, skipped) = match KeySet::from_node(node, Backend::default()) {
        Ok(read) => read,
        Err(error) => {
            reader.problem(node, place, format!("{error}"), None);
            return None;
        }
    };
    // Of a set somebody else publishes, some keys may be of no use here. This one was written into the
    // policy, so each of its keys was meant.
    let list = place.member("keys");
    for key in skipped {
        let fault = format!("the key cannot be used: {}", key.fault);
        reader.problem(node.element("keys", key.position), &list.element(key.position), fault, None);
    }
    Some(KeySource::Inline(keys))
}

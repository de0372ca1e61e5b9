//! Which registrations an assertion could meet, by its own words.

use std::sync::Arc;

use tessera_verifier::{Excerpt, SpiffeId, UnverifiedClaims};

use super::error::{AssertionError, NearMiss};
use super::{AssertionUse, Assertions, CLIENT_ASSERTION_MAX_LIFETIME, WORKLOAD_MAX_LIFETIME};
use crate::domain::{
    AcceptedAudience, AudienceRule, Authenticated, Credential, CredentialKind, KeySource, Method, Profile,
    UnixTime, WorkloadRegistration,
};
use crate::store::Snapshot;

/// Most registrations that near misses are looked for among. Whoever operates this server wants a hint; whoever sends
/// nonsense is not to make it work.
const NEAR_EXAMINED: usize = 256;
/// Most near misses that are told.
const NEAR_TOLD: usize = 3;

/// A registration that an assertion meets, by its own words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'s> {
    pub(super) credential: &'s Credential,
    pub(super) method: Method,
}

impl Candidate<'_> {
    /// What the policy calls whoever signs.
    pub(super) fn issuer(&self) -> &str {
        match &self.credential.kind {
            CredentialKind::Workload(registration) => registration.issuer.as_str(),
            _ => self.credential.client.as_str(),
        }
    }

    fn keys(&self) -> Option<(&KeySource, Option<Profile>)> {
        match &self.credential.kind {
            CredentialKind::Workload(registration) => Some((&registration.keys, Some(registration.profile))),
            CredentialKind::Keys(own) => Some((&own.keys, None)),
            CredentialKind::Secret(_) | CredentialKind::Certificate(_) => None,
        }
    }

    pub(super) fn shares_keys_with(&self, other: &Self) -> bool {
        self.issuer() == other.issuer()
            && self.keys() == other.keys()
            && self.audience().map(|it| &it.accepts) == other.audience().map(|it| &it.accepts)
    }

    pub(super) fn audience(&self) -> Option<&AudienceRule> {
        match &self.credential.kind {
            CredentialKind::Workload(registration) => Some(&registration.audience),
            CredentialKind::Keys(own) => Some(&own.audience),
            CredentialKind::Secret(_) | CredentialKind::Certificate(_) => None,
        }
    }

    /// In seconds.
    pub(super) fn max_lifetime(&self) -> u64 {
        let (own, cap) = match &self.credential.kind {
            CredentialKind::Workload(registration) => (registration.max_lifetime, WORKLOAD_MAX_LIFETIME),
            CredentialKind::Keys(keys) => (keys.max_lifetime, CLIENT_ASSERTION_MAX_LIFETIME),
            CredentialKind::Secret(_) | CredentialKind::Certificate(_) => (None, 0),
        };
        own.unwrap_or(cap).min(cap)
    }
}

/// What an assertion says of itself, and what the request says about it.
struct Asked<'a> {
    claims: &'a UnverifiedClaims<'a>,
    audiences: Vec<&'a str>,
    /// `iss`, or the trust domain.
    issuer: &'a str,
    subject: &'a str,
    usage: AssertionUse,
    client: Option<&'a str>,
}

impl Assertions {
    /// The registrations that the payload meets: one at least, all of one client, by name.
    pub(super) fn candidates<'s>(
        &self,
        snapshot: &'s Snapshot,
        payload: &str,
        usage: AssertionUse,
        client: Option<&str>,
        now: UnixTime,
    ) -> Result<Vec<Candidate<'s>>, AssertionError> {
        let claims = UnverifiedClaims::read(payload).map_err(AssertionError::Unreadable)?;
        let audiences = claims.audiences().map_err(AssertionError::Unreadable)?;
        let missing = |claim| AssertionError::Unreadable(tessera_verifier::Error::ClaimMissing { claim });
        let subject = claims.text("sub").ok_or(missing("sub"))?;
        let issuer = match usage {
            AssertionUse::Spiffe => SpiffeId::parse(subject)
                .map(|id| id.trust_domain())
                .ok_or_else(|| AssertionError::unregistered("", subject, Vec::new()))?,
            _ => claims.text("iss").ok_or(missing("iss"))?,
        };
        let asked = Asked { claims: &claims, audiences, issuer, subject, usage, client };
        let mut found = self.own(snapshot, &asked).unwrap_or_else(|| self.workloads(snapshot, &asked));
        let Some(first) = found.first() else {
            let near = self.near(snapshot, &asked);
            return Err(AssertionError::unregistered(issuer, subject, near));
        };
        if let Some(other) = found.iter().find(|other| other.credential.client != first.credential.client) {
            let (one, other) = (first.credential.client.clone(), other.credential.client.clone());
            return Err(AssertionError::Ambiguous { one, other });
        }
        // Whoever is out of use is not fetched for, either.
        let refused = found
            .iter()
            .find_map(|it| Authenticated::by(&snapshot.directory, it.credential, it.method, now).err());
        found.retain(|it| Authenticated::by(&snapshot.directory, it.credential, it.method, now).is_ok());
        found.sort_by(|one, other| one.credential.id.cmp(&other.credential.id));
        match refused {
            Some(failure) if found.is_empty() => Err(AssertionError::Client(failure)),
            _ => Ok(found),
        }
    }

    /// Those by keys of the client's own, if it says of itself that it is a client with such (RFC 7523 §3: `iss` and
    /// `sub` are both the client). Where it does, it is nothing else.
    fn own<'s>(&self, snapshot: &'s Snapshot, asked: &Asked<'_>) -> Option<Vec<Candidate<'s>>> {
        if asked.usage != AssertionUse::ClientAuthentication || asked.issuer != asked.subject {
            return None;
        }
        let client = snapshot.directory.client(asked.issuer)?;
        let own = |credential: &'s Arc<Credential>| match &credential.kind {
            CredentialKind::Keys(own) => Some((&**credential, &own.audience)),
            _ => None,
        };
        let mut keys = client.credentials.iter().filter_map(own).peekable();
        keys.peek()?;
        let is_named = asked.client.is_none_or(|named| named == client.id.as_str());
        let fitting = keys.filter(|(_, rule)| is_named && self.is_for_us(rule, &asked.audiences));
        Some(fitting.map(|(credential, _)| Candidate { credential, method: Method::PrivateKeyJwt }).collect())
    }

    fn workloads<'s>(&self, snapshot: &'s Snapshot, asked: &Asked<'_>) -> Vec<Candidate<'s>> {
        let meets = |registration: &WorkloadRegistration| {
            self.is_for_us(&registration.audience, &asked.audiences)
                && registration.conditions.parsed().hold(asked.claims)
        };
        let registrations = registrations(snapshot, asked, || {
            Box::new(snapshot.directory.workloads(asked.issuer, asked.subject))
        });
        registrations
            .filter(|(_, registration)| meets(registration))
            .map(|(credential, _)| Candidate { credential, method: asked.usage.method() })
            .collect()
    }

    /// The registrations that one thing speaks against, a few of them.
    fn near(&self, snapshot: &Snapshot, asked: &Asked<'_>) -> Vec<NearMiss> {
        let registrations = registrations(snapshot, asked, || {
            let exact = snapshot.directory.workloads(asked.issuer, asked.subject).take(NEAR_EXAMINED);
            let all = snapshot.directory.workloads_of_issuer(asked.issuer);
            // What was looked at by its subject comes once more, and is left out then.
            Box::new(exact.chain(all))
        });
        let mut near: Vec<NearMiss> = Vec::new();
        for (credential, registration) in registrations.take(NEAR_EXAMINED) {
            let for_us = self.is_for_us(&registration.audience, &asked.audiences);
            let mut unmet = registration.conditions.parsed().failed(asked.claims);
            let unmet = match (for_us, unmet.next(), unmet.next()) {
                (true, Some(one), None) => one.to_string(),
                (false, None, _) => audience_unmet(&asked.audiences),
                _ => continue,
            };
            if near.iter().all(|known| known.credential != credential.id) {
                near.push(NearMiss {
                    client: credential.client.clone(),
                    credential: credential.id.clone(),
                    unmet,
                });
            }
            if near.len() == NEAR_TOLD {
                break;
            }
        }
        near
    }

    /// Whether `aud` says what a registration wants.
    fn is_for_us(&self, rule: &AudienceRule, audiences: &[&str]) -> bool {
        let accepted = self.accepted_by(Some(rule));
        let is_accepted = |audience: &str| accepted.contains(&audience);
        match audiences {
            [only] => is_accepted(only),
            several => !rule.exclusive && several.iter().any(|audience| is_accepted(audience)),
        }
    }

    pub(super) fn accepted_by<'a>(&'a self, rule: Option<&'a AudienceRule>) -> Vec<&'a str> {
        let [issuer, token_endpoint] = self.audiences.each_ref().map(String::as_str);
        match rule.map(|rule| &rule.accepts) {
            None => vec![],
            Some(AcceptedAudience::Issuer) => vec![issuer],
            Some(AcceptedAudience::TokenEndpoint) => vec![issuer, token_endpoint],
            Some(AcceptedAudience::Other(audience)) => vec![audience.as_str()],
        }
    }
}

impl AssertionUse {
    fn method(self) -> Method {
        match self {
            Self::Grant => Method::WorkloadGrant,
            Self::ClientAuthentication => Method::WorkloadAssertion,
            Self::Spiffe => Method::SpiffeJwtSvid,
        }
    }

    /// JWT-SVIDs have an assertion type of their own, and nothing else has it.
    fn takes(self, profile: Profile) -> bool {
        (self == Self::Spiffe) == (profile == Profile::JwtSvid)
    }
}

/// The registrations for the issuer: of the client that the request names, or else `of_all`.
fn registrations<'s: 'a, 'a>(
    snapshot: &'s Snapshot,
    asked: &'a Asked<'_>,
    of_all: impl FnOnce() -> Box<dyn Iterator<Item = &'s Arc<Credential>> + 'a>,
) -> impl Iterator<Item = (&'s Credential, &'s WorkloadRegistration)> + 'a {
    let credentials = match asked.client {
        Some(name) => Box::new(snapshot.directory.client(name).into_iter().flat_map(|it| &it.credentials)),
        None => of_all(),
    };
    credentials.filter_map(|credential| match &credential.kind {
        CredentialKind::Workload(registration)
            if registration.issuer.as_str() == asked.issuer && asked.usage.takes(registration.profile) =>
        {
            Some((&**credential, registration))
        }
        _ => None,
    })
}

fn audience_unmet(audiences: &[&str]) -> String {
    let shown: Vec<String> =
        audiences.iter().take(NEAR_TOLD).map(|it| Excerpt::new(it).to_string()).collect();
    let more = if audiences.len() > shown.len() { " …" } else { "" };
    format!("the claim `aud` is {}{more}", shown.join(" "))
}

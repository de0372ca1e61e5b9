//! Who sent this? Tokens, the keys that they are verified with, and those that were verified before.

mod documents;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::{
    cache::{self, TailDigest, TokenCache, TokenIdentity},
    crypto::{Backend, Tables},
    decision::VerifiedToken,
    error::Error,
    excerpt::Excerpt,
    fetch::{FetchPlan, MayFetch},
    json::Object,
    keys::{Fingerprint, KeySet},
    limits,
    policy::{CacheBounds, ClaimPaths, Condition, Issuer, KeySource, Profile, StatusRules, UrlRules},
    published::{MissingKey, PublishedKeys},
    spiffe::SpiffeId,
    status::{Lookup, StatusLists, StatusReference},
    time::Timestamp,
    token::{self, Claims, Compact, Header},
};

/// Verifies tokens, and keeps what that takes. Verifying changes nothing but counters; what it has to note is handed back
/// as a [`FollowUp`].
#[derive(Debug)]
pub(crate) struct Authenticator {
    issuers: Vec<Issuer>,
    /// The keys of each issuer.
    keys: Vec<IssuerKeys>,
    urls: UrlRules,
    /// The claims that rules ask about.
    claims: ClaimPaths,
    backend: Backend,
    tables: Tables,
    cache: TokenCache,
    lists: StatusLists,
    /// How many documents were supplied or failed so far.
    generation: u64,
    /// How many tokens were remembered from an earlier request.
    cache_hits: AtomicU64,
}

/// The keys of an issuer.
#[derive(Clone, Debug)]
enum IssuerKeys {
    /// Those in the policy.
    Inline(Arc<KeySet>),
    Published(Box<PublishedKeys>),
}

/// What is to be done after a token was verified.
#[derive(Debug, Default)]
pub(crate) struct FollowUp {
    /// The [generation](Authenticator::generation) of the documents that were used.
    generation: u64,
    /// The token is worth remembering.
    remember: Option<Arc<cache::Entry>>,
    /// The token was remembered, and is not good any more.
    forget: Option<TailDigest>,
    /// What could change the verdict.
    missing: Option<Missing>,
}

/// A document without which a token is decided about with less than there could be.
#[derive(Clone, Debug)]
pub(crate) enum Missing {
    /// Keys of the issuer at this index.
    Keys(usize, MissingKey),
    /// The status list of this token.
    StatusList(Arc<VerifiedToken>),
}

impl FollowUp {
    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.remember.is_none() && self.forget.is_none() && self.missing.is_none()
    }
}

impl Authenticator {
    pub(crate) fn new(
        issuers: Vec<Issuer>,
        urls: UrlRules,
        claims: ClaimPaths,
        cache: CacheBounds,
        backend: Backend,
    ) -> Self {
        let keys = issuers.iter().enumerate().map(|(index, issuer)| IssuerKeys::new(index, issuer)).collect();
        Self {
            issuers,
            keys,
            urls,
            claims,
            backend,
            tables: Tables::default(),
            cache: TokenCache::new(cache),
            lists: StatusLists::default(),
            generation: 0,
            cache_hits: AtomicU64::new(0),
        }
    }

    pub(crate) fn claim_paths(&self) -> &ClaimPaths {
        &self.claims
    }

    /// The prefixes of the URLs of status lists.
    pub(crate) fn status_list_prefixes(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().filter_map(|issuer| issuer.status.as_ref()).map(StatusRules::prefix)
    }

    /// How often a token was remembered.
    pub(crate) fn cache_hits(&self) -> u64 {
        self.cache_hits.load(Ordering::Relaxed)
    }

    /// How many tokens are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.cache.len()
    }

    /// The status lists.
    #[cfg(test)]
    pub(crate) fn lists(&self) -> &StatusLists {
        &self.lists
    }

    /// Verifies a token: its form, its issuer's signature, its times, its status. Not its audience, which is for the
    /// route to ask. A token that was not verified before is checked by `unknown` first.
    pub(crate) fn verify(
        &self,
        token: &str,
        now: Timestamp,
        unknown: impl FnOnce() -> Result<(), Error>,
    ) -> (Result<Arc<VerifiedToken>, Error>, FollowUp) {
        let mut follow_up = FollowUp { generation: self.generation, ..FollowUp::default() };
        let verdict = self.verify_noting(token, now, unknown, &mut follow_up);
        (verdict, follow_up)
    }

    fn verify_noting(
        &self,
        token: &str,
        now: Timestamp,
        unknown: impl FnOnce() -> Result<(), Error>,
        follow_up: &mut FollowUp,
    ) -> Result<Arc<VerifiedToken>, Error> {
        // A token that is too long is refused before it costs a digest.
        let identity =
            (self.cache.is_on() && token.len() <= limits::TOKEN_BYTES).then(|| TokenIdentity::of(token));
        if let Some(identity) = &identity
            && let Some((known, issuer)) = self.recall(identity, now)
        {
            // What time does to it is asked again.
            let good = check_times(issuer, &known.claims, now).and_then(|()| {
                self.cache_hits.fetch_add(1, Ordering::Relaxed);
                self.check_status(&known, now, follow_up)
            });
            if good.is_err() && follow_up.missing.is_none() {
                follow_up.forget = Some(identity.digest());
            }
            return good.and(Ok(known));
        }
        unknown()?;
        let verified = self.verify_anew(token, now, follow_up)?;
        let status = self.check_status(&verified, now, follow_up);
        // What waits for its list is good as far as its signature is concerned, and comes again.
        if let Some(identity) = identity
            && (status.is_ok() || follow_up.missing.is_some())
        {
            follow_up.remember = Some(cache::Entry::new(&identity, Arc::clone(&verified)));
        }
        status.and(Ok(verified))
    }

    /// A token that was verified before, if its issuer's keys are still to be trusted.
    fn recall(&self, identity: &TokenIdentity<'_>, now: Timestamp) -> Option<(Arc<VerifiedToken>, &Issuer)> {
        let known = self.cache.get(identity)?;
        let issuer = self.issuers.get(known.issuer_index)?;
        self.keys.get(known.issuer_index)?.serve(now).then_some((known, issuer))
    }

    fn verify_anew(
        &self,
        token: &str,
        now: Timestamp,
        follow_up: &mut FollowUp,
    ) -> Result<Arc<VerifiedToken>, Error> {
        let compact = Compact::split(token)?;
        let header = compact.header()?;
        let payload = compact.payload()?;
        let claims = token::parse_payload(&payload)?;

        // The issuer is believed only in so far as it chooses whose keys the signature is held against.
        let name = issuer_name(&self.issuers, &claims)?;
        let (issuer_index, (issuer, keys)) = self
            .issuers
            .iter()
            .zip(&self.keys)
            .enumerate()
            .find(|(_, (issuer, _))| issuer.name == name)
            .ok_or_else(|| Error::IssuerUnknown { issuer: Excerpt::new(name) })?;
        check_header(issuer, &header)?;

        let key = keys.verify(issuer, &compact, &header, &self.tables, now).map_err(|(error, missing)| {
            follow_up.missing = missing.map(|key| Missing::Keys(issuer_index, key));
            error
        })?;

        let values = self.claims.values(&claims);
        let status = match &issuer.status {
            Some(rules) => StatusReference::read(&claims, issuer_index, rules)?.map(Box::new),
            None => None,
        };
        let claims = Claims::read(&claims)?;
        check_profile(issuer, &claims)?;
        check_times(issuer, &claims, now)?;
        if claims.confirmation {
            return Err(Error::SenderConstrained);
        }
        if let Some(condition) = Condition::first_failing(&issuer.claims, &values) {
            return Err(Error::IssuerClaimRefused { claim: self.claims.name(condition.claim()) });
        }
        let issuer = issuer.name.clone();
        Ok(Arc::new(VerifiedToken { issuer, claims, payload, values, status, issuer_index, key }))
    }

    /// Whether the issuer has taken a token back. Notes what is missing to know that.
    fn check_status(
        &self,
        token: &Arc<VerifiedToken>,
        now: Timestamp,
        follow_up: &mut FollowUp,
    ) -> Result<(), Error> {
        let Some((reference, expiry, rules)) = self.status_of(token) else { return Ok(()) };
        let mut missing = || follow_up.missing = Some(Missing::StatusList(Arc::clone(token)));
        match self.lists.look_up(reference, expiry, now) {
            Lookup::Status(0) => Ok(()),
            Lookup::Status(status) => Err(Error::TokenRevoked { status }),
            // A list may have grown since it came.
            Lookup::Beyond(entries) => {
                missing();
                Err(Error::StatusUnknown { index: reference.index, entries })
            }
            // While fetching fails nobody is held up for what the policy does without.
            Lookup::Missing { failing: true } if rules.accepts_missing => Ok(()),
            Lookup::Missing { .. } => {
                missing();
                if rules.accepts_missing {
                    Ok(())
                } else {
                    Err(Error::StatusUnavailable { uri: Excerpt::new(&reference.uri) })
                }
            }
        }
    }

    /// Where the status of a token is, until when that is asked for, and by which rules; `None` if the policy does not
    /// ask.
    fn status_of<'t>(
        &self,
        token: &'t VerifiedToken,
    ) -> Option<(&'t StatusReference, Timestamp, &StatusRules)> {
        let reference = token.status.as_deref()?;
        let issuer = self.issuers.get(token.issuer_index)?;
        Some((reference, token.claims.expiry.plus(issuer.clock_skew), issuer.status.as_ref()?))
    }

    /// Does what is to be done after a token was verified. Says what to do about what was missing.
    pub(crate) fn follow_up(
        &mut self,
        follow_up: FollowUp,
        may_fetch: MayFetch,
        now: Timestamp,
    ) -> FetchPlan {
        let FollowUp { generation, remember, forget, missing } = follow_up;
        let is_current = generation == self.generation;
        if let Some(digest) = forget {
            self.cache.remove(&digest);
        }
        // A key that has gone meanwhile may have signed it.
        if let Some(entry) = remember.filter(|_| is_current) {
            self.cache.insert(entry);
        }
        match missing {
            None => FetchPlan::Nothing,
            Some(missing) if is_current => self.plan(&missing, may_fetch, now),
            // Perhaps it came meanwhile: to be asked again at once.
            Some(_) => FetchPlan::Wait { until: now },
        }
    }
}

impl Clone for Authenticator {
    /// What is large is shared: a clone costs a count for each remembered token.
    fn clone(&self) -> Self {
        Self {
            issuers: self.issuers.clone(),
            keys: self.keys.clone(),
            urls: self.urls,
            claims: self.claims.clone(),
            backend: self.backend,
            tables: self.tables.clone(),
            cache: self.cache.clone(),
            lists: self.lists.clone(),
            generation: self.generation,
            cache_hits: AtomicU64::new(self.cache_hits()),
        }
    }
}

impl IssuerKeys {
    fn new(index: usize, issuer: &Issuer) -> Self {
        match &issuer.keys {
            KeySource::Inline(keys) => Self::Inline(Arc::clone(keys)),
            KeySource::Url(url) => {
                Self::Published(Box::new(PublishedKeys::at(index, url.clone(), issuer.max_stale)))
            }
            KeySource::Discovery(url) => {
                Self::Published(Box::new(PublishedKeys::discovered_at(index, url.clone(), issuer.max_stale)))
            }
        }
    }

    /// Whether there are keys that can be trusted now.
    fn serve(&self, now: Timestamp) -> bool {
        match self {
            Self::Inline(_) => true,
            Self::Published(published) => published.serves(now),
        }
    }

    fn published(&mut self) -> Option<&mut PublishedKeys> {
        match self {
            Self::Inline(_) => None,
            Self::Published(published) => Some(published),
        }
    }

    /// Holds a signature against the issuer's key that the header names; says which that is, or what keys are missing.
    fn verify(
        &self,
        issuer: &Issuer,
        compact: &Compact<'_>,
        header: &Header,
        tables: &Tables,
        now: Timestamp,
    ) -> Result<Fingerprint, (Error, Option<MissingKey>)> {
        let keys = match self {
            Self::Inline(keys) => keys,
            Self::Published(published) => published.keys(now).ok_or_else(|| {
                (Error::KeysUnavailable { issuer: issuer.name.clone() }, Some(MissingKey::All))
            })?,
        };
        let key = keys
            .find(header.key_id.as_deref(), header.algorithm)
            .map_err(|error| (error, Some(MissingKey::Key(header.key_id.clone()))))?;
        let signature = compact.signature().map_err(|error| (error, None))?;
        keys.verify(key, header.algorithm, compact.signed(), &signature, tables)
            .map_err(|_| (Error::SignatureWrong, None))?;
        Ok(keys.fingerprint(key))
    }
}

/// The issuer that a token is of, by its own words: its `iss`; but where JWT-SVIDs are accepted and `iss` is none of
/// their kind's, the trust domain of its `sub` (JWT-SVID §3.1). What a trust domain is called in `iss` means nothing.
fn issuer_name<'c>(issuers: &[Issuer], claims: &'c Object<'_>) -> Result<&'c str, Error> {
    let is_svid = |issuer: &&Issuer| issuer.profile == Profile::JwtSvid;
    let name = Claims::issuer(claims);
    if !issuers.iter().any(|issuer| is_svid(&issuer)) {
        return name;
    }
    let is_named = |name: &str| issuers.iter().any(|issuer| !is_svid(&issuer) && issuer.name == name);
    match name {
        Ok(name) if is_named(name) => Ok(name),
        Ok(_) | Err(Error::ClaimMissing { .. }) => match claims.text("sub").and_then(SpiffeId::parse) {
            Some(id) if !is_named(id.trust_domain()) => Ok(id.trust_domain()),
            // One that is in the policy is a trust domain there.
            _ => name.and_then(|name| Err(Error::IssuerUnknown { issuer: Excerpt::new(name) })),
        },
        Err(error) => Err(error),
    }
}

fn check_algorithm(issuer: &Issuer, header: &Header) -> Result<(), Error> {
    let algorithm = header.algorithm;
    if issuer.algorithms.contains(&algorithm) { Ok(()) } else { Err(Error::AlgorithmForbidden { algorithm }) }
}

fn check_header(issuer: &Issuer, header: &Header) -> Result<(), Error> {
    check_algorithm(issuer, header)?;
    let accepted = match (issuer.types.as_slice(), issuer.profile, header.typ.as_deref()) {
        ([], Profile::AccessToken, Some(typ)) => is_media_type(typ, "at+jwt"),
        ([], Profile::Jwt, Some(typ)) => is_media_type(typ, "jwt"),
        ([], Profile::JwtSvid, Some(typ)) => is_media_type(typ, "jwt") || is_media_type(typ, "jose"),
        ([], Profile::ClientAssertion, Some(typ)) => {
            is_media_type(typ, "jwt") || is_media_type(typ, "client-authentication+jwt")
        }
        ([], Profile::Jwt | Profile::JwtSvid | Profile::ClientAssertion, None) => true,
        (types, _, Some(typ)) => types.iter().any(|own| is_media_type(typ, own)),
        (_, _, None) => false,
    };
    if accepted { Ok(()) } else { Err(Error::TypeForbidden { typ: header.typ.as_deref().map(Excerpt::new) }) }
}

/// Whether a `typ` names a media type, whose `application/` may be left out (RFC 7515 §4.1.9).
fn is_media_type(typ: &str, subtype: &str) -> bool {
    let own = match typ.split_once('/') {
        Some((kind, own)) if kind.eq_ignore_ascii_case("application") => own,
        Some(_) => return false,
        None => typ,
    };
    own.eq_ignore_ascii_case(subtype)
}

/// RFC 9068 §2.2, RFC 7523 §3; `exp`, `aud` and `sub` are required of every token anyway. The subject of a JWT-SVID was
/// read when its trust domain was.
fn check_profile(issuer: &Issuer, claims: &Claims) -> Result<(), Error> {
    let token_id = ("jti", claims.token_id.is_some());
    let required = match issuer.profile {
        Profile::Jwt | Profile::JwtSvid => [].as_slice(),
        Profile::AccessToken => {
            &[("client_id", claims.client.is_some()), ("iat", claims.issued.is_some()), token_id]
        }
        Profile::ClientAssertion if claims.subject != issuer.name => {
            return Err(Error::ClaimMalformed { claim: "sub" });
        }
        Profile::ClientAssertion => &[token_id],
    };
    match required.iter().copied().find(|(_, present)| !present) {
        Some((claim, _)) => Err(Error::ClaimMissing { claim }),
        None => Ok(()),
    }
}

fn check_times(issuer: &Issuer, claims: &Claims, now: Timestamp) -> Result<(), Error> {
    let skewed = now.plus(issuer.clock_skew);
    let expiry = claims.expiry;
    if now >= expiry.plus(issuer.clock_skew) {
        return Err(Error::Expired { expiry, now });
    }
    if let Some(not_before) = claims.not_before.filter(|not_before| skewed < *not_before) {
        return Err(Error::NotYetValid { not_before, now });
    }
    if let Some(issued) = claims.issued.filter(|issued| skewed < *issued) {
        return Err(Error::IssuedInFuture { issued, now });
    }
    let start = claims.issued.unwrap_or(now);
    let seconds = expiry.as_seconds().saturating_sub(start.as_seconds());
    if seconds > issuer.max_lifetime {
        return Err(Error::LifetimeTooLong { seconds, limit: issuer.max_lifetime });
    }
    Ok(())
}

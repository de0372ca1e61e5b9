//! Who sent this? Tokens, the keys that they are held against, and those that were verified before.

mod documents;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use crate::{
    cache::{TokenCache, TokenIdentity},
    crypto::{Backend, Tables},
    decision::VerifiedToken,
    error::Error,
    excerpt::Excerpt,
    json::Object,
    keys::{Fingerprint, KeySet},
    limits,
    policy::{CacheBounds, ClaimPaths, Condition, Issuer, KeySource, Profile, StatusRules, UrlRules},
    published::{MissingKey, PublishedKeys},
    spiffe::SpiffeId,
    status::{ListName, Lookup, StatusLists, StatusReference},
    time::Timestamp,
    token::{self, Claims, Compact, Header},
};

/// Says of tokens whose they are.
#[derive(Clone, Debug)]
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
    /// How many tokens were remembered from an earlier request.
    cache_hits: u64,
}

/// The keys of an issuer.
#[derive(Clone, Debug)]
enum IssuerKeys {
    /// Those in the policy.
    Inline(KeySet),
    Published(Box<PublishedKeys>),
}

/// A good token.
pub(crate) struct Authenticated {
    pub(crate) token: Arc<VerifiedToken>,
    /// What could show yet that it was revoked, where the policy does without while that is missing.
    pub(crate) missing: Option<Missing>,
}

/// Why a token is refused, and what its issuer would have to publish to change that.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    pub(crate) missing: Option<Missing>,
}

/// A document without which a token is decided about with less than there could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Keys of the issuer at this index.
    Keys(usize, MissingKey),
    StatusList(ListName),
}

impl From<Error> for Refusal {
    /// Most refusals stand whatever is fetched.
    fn from(error: Error) -> Self {
        Self { error, missing: None }
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
            cache_hits: 0,
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
        self.cache_hits
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
    /// route to ask. What is `unknown`, other than a token that was verified before, is checked by that first.
    pub(crate) fn verify(
        &mut self,
        token: &str,
        now: Timestamp,
        unknown: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Authenticated, Refusal> {
        // A token that is too long is refused before it costs a digest.
        if !self.cache.is_on() || token.len() > limits::TOKEN_BYTES {
            unknown()?;
            let verified = self.verify_anew(token, now)?;
            let missing = self.check_status(&verified, now)?;
            return Ok(Authenticated { token: verified, missing });
        }
        let identity = TokenIdentity::of(token);
        if let Some(token) = self.recall(&identity, now)? {
            let status = self.check_status(&token, now);
            if status.as_ref().is_err_and(|refusal| refusal.missing.is_none()) {
                self.cache.remove(&identity);
            }
            return Ok(Authenticated { token, missing: status? });
        }
        unknown()?;
        let token = self.verify_anew(token, now)?;
        let status = self.check_status(&token, now);
        // What waits for its list is good as far as its signature is concerned, and comes again.
        if status.as_ref().err().is_none_or(|refusal| refusal.missing.is_some()) {
            self.cache.insert(&identity, &token);
        }
        Ok(Authenticated { token, missing: status? })
    }

    /// A token that was verified before, if its issuer's keys are still to be trusted. What time does to
    /// it is asked again.
    fn recall(
        &mut self,
        identity: &TokenIdentity<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<VerifiedToken>>, Error> {
        let Some(known) = self.cache.get(identity) else { return Ok(None) };
        let keys = self.keys.get(known.issuer_index).filter(|keys| keys.serve(now));
        let Some(issuer) = keys.and(self.issuers.get(known.issuer_index)) else { return Ok(None) };
        match check_times(issuer, &known.claims, now) {
            Ok(()) => {
                self.cache_hits += 1;
                Ok(Some(known))
            }
            Err(error) => {
                self.cache.remove(identity);
                Err(error)
            }
        }
    }

    fn verify_anew(&mut self, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Refusal> {
        let compact = Compact::split(token)?;
        let header = compact.header()?;
        let payload = compact.payload()?;
        let claims = token::parse_payload(&payload)?;

        // The issuer is believed only in so far as it chooses whose keys the signature is held against.
        let name = issuer_name(&self.issuers, &claims)?;
        let (issuer_index, (issuer, keys)) = self
            .issuers
            .iter()
            .zip(&mut self.keys)
            .enumerate()
            .find(|(_, (issuer, _))| issuer.name == name)
            .ok_or_else(|| Error::IssuerUnknown { issuer: Excerpt::new(name) })?;
        check_header(issuer, &header)?;

        let key = keys.verify(issuer, &compact, &header, &mut self.tables, now).map_err(|(error, key)| {
            Refusal { error, missing: key.map(|key| Missing::Keys(issuer_index, key)) }
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
            return Err(Error::SenderConstrained.into());
        }
        if let Some(condition) = Condition::first_failing(&issuer.claims, &values) {
            return Err(Error::IssuerClaimRefused { claim: self.claims.name(condition.claim()) }.into());
        }
        let issuer = issuer.name.clone();
        Ok(Arc::new(VerifiedToken { issuer, claims, payload, values, status, issuer_index, key }))
    }

    /// Whether the issuer has taken a token back, and what is missing to know that, if the policy does without.
    fn check_status(&mut self, token: &VerifiedToken, now: Timestamp) -> Result<Option<Missing>, Refusal> {
        let Some(reference) = &token.status else { return Ok(None) };
        let issuer = self.issuers.get(token.issuer_index);
        let Some((issuer, rules)) = issuer.and_then(|issuer| Some((issuer, issuer.status.as_ref()?))) else {
            return Ok(None);
        };
        let expiry = token.claims.expiry.plus(issuer.clock_skew);
        let missing = Some(Missing::StatusList(reference.list));
        match self.lists.look_up(reference, expiry, rules, now) {
            Lookup::Status(0) => Ok(None),
            Lookup::Status(status) => Err(Error::TokenRevoked { status }.into()),
            // A list may have grown since it came.
            Lookup::Beyond(entries) => {
                Err(Refusal { error: Error::StatusUnknown { index: reference.index, entries }, missing })
            }
            // While fetching fails nobody is held up for what the policy does without.
            Lookup::Missing { failing } if rules.accepts_missing => Ok(missing.filter(|_| !failing)),
            Lookup::Missing { .. } => Err(Refusal {
                error: Error::StatusUnavailable { uri: Excerpt::new(&reference.uri) },
                missing,
            }),
        }
    }
}

impl IssuerKeys {
    fn new(index: usize, issuer: &Issuer) -> Self {
        match &issuer.keys {
            KeySource::Inline(keys) => Self::Inline(keys.clone()),
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
        &mut self,
        issuer: &Issuer,
        compact: &Compact<'_>,
        header: &Header,
        tables: &mut Tables,
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

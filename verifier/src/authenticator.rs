//! Who sent this? Tokens, the keys that they are held against, and those that were verified before.

use alloc::{string::String, sync::Arc, vec, vec::Vec};

use crate::{
    cache::{TokenCache, TokenIdentity},
    crypto::{Backend, Tables},
    decision::VerifiedToken,
    document::DocumentError,
    error::Error,
    excerpt::Excerpt,
    json::Object,
    keys::{KeySet, KeyUse, SkippedKey},
    limits,
    policy::{CacheBounds, ClaimPaths, Condition, Issuer, KeySource, Profile, UrlRules},
    published::{Cure, Document, Lack, PublishedKeys, metadata},
    spiffe::SpiffeId,
    time::Timestamp,
    token::{self, Claims, Compact, Header},
    verifier::{DocumentId, Want},
};

/// Says of tokens whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator {
    issuers: Vec<Issuer>,
    urls: UrlRules,
    /// The claims that rules ask about.
    claims: ClaimPaths,
    backend: Backend,
    tables: Tables,
    cache: TokenCache,
    /// How many tokens were remembered from an earlier request.
    cache_hits: u64,
}

/// Why a token is refused, and what its issuer would have to publish to change that.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// The place of the issuer, and what is lacking.
    pub(crate) lack: Option<(usize, Lack)>,
}

impl From<Error> for Refusal {
    /// Most refusals stand whatever is fetched.
    fn from(error: Error) -> Self {
        Self { error, lack: None }
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
        Self {
            issuers,
            urls,
            claims,
            backend,
            tables: Tables::default(),
            cache: TokenCache::new(cache),
            cache_hits: 0,
        }
    }

    pub(crate) fn claim_paths(&self) -> &ClaimPaths {
        &self.claims
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

    /// Verifies a token: its form, its issuer's signature, its times. Not its audience, which is for the
    /// route to ask. What is `unknown`, other than a token that was verified before, is checked by that first.
    pub(crate) fn verify(
        &mut self,
        token: &str,
        now: Timestamp,
        unknown: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Arc<VerifiedToken>, Refusal> {
        // A token that is too long is refused before it costs a digest.
        if !self.cache.is_on() || token.len() > limits::TOKEN_BYTES {
            unknown()?;
            return self.verify_anew(token, now);
        }
        let identity = TokenIdentity::of(token);
        if let Some(known) = self.recall(&identity, now)? {
            return Ok(known);
        }
        unknown()?;
        let verified = self.verify_anew(token, now)?;
        self.cache.insert(&identity, &verified);
        Ok(verified)
    }

    /// A token that was verified before, if its issuer's keys are still to be trusted. What time does to
    /// it is asked again.
    fn recall(
        &mut self,
        identity: &TokenIdentity<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<VerifiedToken>>, Error> {
        let Some(known) = self.cache.get(identity) else { return Ok(None) };
        let Some(issuer) = self.issuers.get(known.issuer_index).filter(|issuer| issuer.keys.serve(now))
        else {
            return Ok(None);
        };
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
        let (issuer_index, issuer) = self
            .issuers
            .iter_mut()
            .enumerate()
            .find(|(_, issuer)| issuer.name == name)
            .ok_or_else(|| Error::IssuerUnknown { issuer: Excerpt::new(name) })?;
        check_header(issuer, &header)?;

        let lacking = |lack, error| Refusal { error, lack: Some((issuer_index, lack)) };
        let keys = match &mut issuer.keys {
            KeySource::Inline(keys) => keys,
            KeySource::Published(published) => published
                .keys(now)
                .ok_or_else(|| lacking(Lack::Keys, Error::KeysUnavailable { issuer: issuer.name.clone() }))?,
        };
        let key = keys
            .find(header.key_id.as_deref(), header.algorithm)
            .map_err(|error| lacking(Lack::Key(header.key_id.clone()), error))?;
        let signature = compact.signature()?;
        keys.verify(key, header.algorithm, compact.signed(), &signature, &mut self.tables)
            .map_err(|_| Error::SignatureWrong)?;
        let key = keys.fingerprint(key);

        let values = self.claims.values(&claims);
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
        Ok(Arc::new(VerifiedToken { issuer, claims, payload, values, issuer_index, key }))
    }

    /// The documents to fetch, request or no request.
    pub(crate) fn wants(&mut self, now: Timestamp) -> Vec<Want> {
        let published = self.issuers.iter_mut().enumerate();
        published
            .filter_map(|(index, issuer)| Some((index, issuer.keys.published()?)))
            .flat_map(|(index, keys)| {
                let due = keys.due(now).into_iter();
                due.map(|(document, url)| Want::new(index, document, keys.tag(document), url))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// The documents that could turn a refusal into leave, if there are any and the time has come.
    pub(crate) fn cure(&mut self, refusal: &Refusal, now: Timestamp) -> Option<Vec<Want>> {
        let (index, lack) = refusal.lack.as_ref()?;
        let keys = self.issuers.get_mut(*index)?.keys.published()?;
        match keys.cure(lack, now) {
            Cure::Fetch(document, url) => Some(vec![Want::new(*index, document, keys.tag(document), url)]),
            Cure::Wait => Some(Vec::new()),
            Cure::None => None,
        }
    }

    pub(crate) fn supply(
        &mut self,
        id: DocumentId,
        text: &str,
        cache_control: &str,
        now: Timestamp,
    ) -> Result<Vec<SkippedKey>, DocumentError> {
        let (index, document, _) = id.parts();
        let (urls, backend) = (self.urls, self.backend);
        let usage = self.issuers.get(index).map_or(KeyUse::Signatures, |issuer| issuer.profile.key_use());
        let (name, published) = self.published(id).ok_or(DocumentError::Unwanted)?;
        let read = match document {
            Document::KeySet => KeySet::parse(text, usage, backend).map(|(keys, skipped)| {
                published.supply_keys(keys, cache_control, now);
                skipped
            }),
            Document::Metadata => metadata::jwks_uri(text, &name, urls).map(|url| {
                published.supply_metadata(url, cache_control, now);
                Vec::new()
            }),
        };
        match &read {
            Ok(_) => self.forget_tokens_of_gone_keys(index, now),
            Err(_) => published.fail(document, now),
        }
        read
    }

    pub(crate) fn fail(&mut self, id: DocumentId, now: Timestamp) {
        let (_, document, _) = id.parts();
        if let Some((_, published)) = self.published(id) {
            published.fail(document, now);
        }
    }

    /// The issuer of a document, and its keys; none if the document is not where it is expected now.
    fn published(&mut self, id: DocumentId) -> Option<(String, &mut PublishedKeys)> {
        let (index, document, tag) = id.parts();
        let issuer = self.issuers.get_mut(index)?;
        let name = issuer.name.clone();
        let keys = issuer.keys.published()?;
        (keys.has(document) && keys.tag(document) == tag).then_some((name, keys))
    }

    /// A key that its issuer withdrew takes with it what was verified by it.
    fn forget_tokens_of_gone_keys(&mut self, index: usize, now: Timestamp) {
        let Some(issuer) = self.issuers.get_mut(index) else { return };
        let Some(keys) = issuer.keys.published().and_then(|published| published.keys(now)) else { return };
        self.cache.retain(|token| token.issuer_index != index || keys.contains(&token.key));
    }
}

impl KeySource {
    /// Whether there are keys that can be trusted now.
    fn serve(&self, now: Timestamp) -> bool {
        match self {
            KeySource::Inline(_) => true,
            KeySource::Published(published) => published.serves(now),
        }
    }

    fn published(&mut self) -> Option<&mut PublishedKeys> {
        match self {
            KeySource::Inline(_) => None,
            KeySource::Published(published) => Some(published),
        }
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

fn check_header(issuer: &Issuer, header: &Header) -> Result<(), Error> {
    let algorithm = header.algorithm;
    if !issuer.algorithms.contains(&algorithm) {
        return Err(Error::AlgorithmForbidden { algorithm });
    }
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

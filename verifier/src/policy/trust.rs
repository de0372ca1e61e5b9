//! Trust as values, for Rust callers that verify tokens alone: nothing is printed to be parsed again.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{
    CacheBounds, Challenge, ClaimPaths, Issuer, Policy, Profile, Routes, Rules, TokenSource, UrlRules,
    issuer::{self, CLOCK_SKEW, MAX_LIFETIME, MAX_STALE},
    upstream::Upstream,
    url,
};
use crate::{
    Algorithm, Conditions, Excerpt,
    crypto::Backend,
    document::DocumentError,
    keys::{KeyFault, KeySet, SkippedKey},
    limits,
    spiffe::is_trust_domain,
};

/// The issuers that a verifier trusts, the audiences that it answers to, and how many tokens it remembers.
///
/// ```
/// use tessera_verifier::{Backend, KeySource, Profile, TrustPolicy, TrustedIssuer, Verifier};
///
/// let platform = TrustedIssuer::new("https://platform.example", KeySource::Discovery)
///     .profile(Profile::Jwt)
///     .max_lifetime(3_600);
/// let trust = TrustPolicy::new().issuer(platform).audience("orders");
/// let verifier = Verifier::trusting(trust, Backend::Portable).expect("the trust is sound");
/// assert_eq!(verifier.required_headers(), ["authorization"]);
/// ```
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    issuers: Vec<TrustedIssuer>,
    audiences: Vec<String>,
    cache: CacheBounds,
    http_loopback: bool,
}

/// An issuer that is trusted, and the rules for its tokens. What is not said is as in a policy document that does not
/// say it.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    name: String,
    keys: KeySource,
    profile: Profile,
    types: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
    clock_skew: u64,
    max_lifetime: u64,
    max_stale: u64,
    conditions: Option<Conditions>,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Its metadata, at the usual place below its URL (OpenID Connect Discovery 1.0 §4), name the URL of its key set.
    Discovery,
    /// Its metadata, at this URL.
    MetadataUrl(String),
    /// Its key set, at this URL.
    Url(String),
    /// This text: a JWK Set (RFC 7517 §5).
    Inline(String),
}

/// Why a verifier cannot be made of a [`TrustPolicy`]. Each error names its issuer.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustError {
    /// There is no issuer.
    NoIssuer,
    /// Two issuers have this name.
    IssuerRepeated(Excerpt),
    /// The name is empty, or longer than [`IDENTIFIER_BYTES`](limits::IDENTIFIER_BYTES).
    NameUnusable(Excerpt),
    /// The name is not that of a trust domain, and its profile is [`Profile::JwtSvid`].
    NotATrustDomain(Excerpt),
    /// A trust domain has no metadata.
    NoMetadata(Excerpt),
    /// The URL, or the name that is to be one, cannot be fetched from.
    UrlUnusable {
        /// The issuer.
        issuer: Excerpt,
        /// What is wrong with the URL.
        fault: String,
    },
    /// A number is out of its range.
    OutOfRange {
        /// The issuer.
        issuer: Excerpt,
        /// Which one.
        setting: &'static str,
        /// The least and the most that it may be, in seconds.
        range: (u64, u64),
    },
    /// No JWT-SVID is signed with this (JWT-SVID §2.1).
    AlgorithmUnusable {
        /// The issuer.
        issuer: Excerpt,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The key set is refused.
    Keys {
        /// The issuer.
        issuer: Excerpt,
        /// Why.
        error: DocumentError,
    },
    /// A key of the set cannot be used.
    KeyUnusable {
        /// The issuer.
        issuer: Excerpt,
        /// Which, and why.
        key: SkippedKey,
    },
    /// No key of the set is for an algorithm that is allowed, so no token could be good.
    NoKeyForAlgorithms(Excerpt),
}

impl TrustPolicy {
    /// Trust in nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Adds an audience. Without any, no token is for this verifier unless its caller
    /// [says otherwise](crate::AcceptedAudience::OneOf).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets how many verified tokens are remembered; 0 for none. The default is 10,000.
    #[must_use]
    pub fn remembered_tokens(mut self, entries: usize) -> Self {
        self.cache.entries = entries;
        self
    }

    /// Allows URLs to be http on loopback addresses, for trying things out.
    #[must_use]
    pub fn allow_http_loopback(mut self, allow: bool) -> Self {
        self.http_loopback = allow;
        self
    }

    /// The policy that says the same.
    pub(crate) fn into_policy(self, backend: Backend) -> Result<Policy, TrustError> {
        let Self { issuers: trusted, audiences, cache, http_loopback } = self;
        if trusted.is_empty() {
            return Err(TrustError::NoIssuer);
        }
        let (urls, mut claims) = (UrlRules { http_loopback }, ClaimPaths::default());
        let mut issuers: Vec<Issuer> = Vec::with_capacity(trusted.len());
        for issuer in trusted {
            if issuers.iter().any(|known| known.name == issuer.name) {
                return Err(TrustError::IssuerRepeated(Excerpt::new(&issuer.name)));
            }
            issuers.push(issuer.into_issuer(urls, &mut claims, backend)?);
        }
        let rules = Rules {
            audiences,
            tokens: [TokenSource::bearer()].into(),
            routes: Routes::default(),
            upstream: Upstream::owning_nothing(),
            challenge: Challenge::default(),
            resource: None,
            cors_preflight: false,
            dry_run: false,
        };
        Ok(Policy { issuers, urls, cache, claims, rules })
    }
}

impl Default for TrustPolicy {
    fn default() -> Self {
        let (issuers, audiences) = (Vec::new(), Vec::new());
        Self { issuers, audiences, cache: CacheBounds::default(), http_loopback: false }
    }
}

impl TrustedIssuer {
    /// An issuer by the `iss` of its tokens, compared exactly; of JWT-SVIDs `spiffe://` and the trust domain.
    #[must_use]
    pub fn new(name: impl Into<String>, keys: KeySource) -> Self {
        Self {
            name: name.into(),
            keys,
            profile: Profile::default(),
            types: Vec::new(),
            algorithms: None,
            clock_skew: CLOCK_SKEW.default,
            max_lifetime: MAX_LIFETIME.default,
            max_stale: MAX_STALE.default,
            conditions: None,
        }
    }

    /// Sets what kind of tokens it hands out. The default is [`Profile::AccessToken`].
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Adds a `typ` that its tokens may have, instead of the profile's; `application/` is left out.
    #[must_use]
    pub fn token_type(mut self, typ: impl Into<String>) -> Self {
        self.types.push(typ.into());
        self
    }

    /// Sets the algorithms that its tokens may be signed with. The default is all that its profile allows.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// Sets how far its clock may be from ours, in seconds: 0 to 300, by default 30.
    #[must_use]
    pub fn clock_skew(mut self, seconds: u64) -> Self {
        self.clock_skew = seconds;
        self
    }

    /// Sets the longest life of a token, in seconds: 1 to 366 days, by default a day.
    #[must_use]
    pub fn max_lifetime(mut self, seconds: u64) -> Self {
        self.max_lifetime = seconds;
        self
    }

    /// Sets how long the last good key set may serve while fetching fails, in seconds: a minute to 7 days.
    #[must_use]
    pub fn max_stale(mut self, seconds: u64) -> Self {
        self.max_stale = seconds;
        self
    }

    /// Sets the conditions that every token has to meet.
    #[must_use]
    pub fn conditions(mut self, conditions: Conditions) -> Self {
        self.conditions = Some(conditions);
        self
    }

    fn into_issuer(
        self,
        urls: UrlRules,
        paths: &mut ClaimPaths,
        backend: Backend,
    ) -> Result<Issuer, TrustError> {
        let Self { name, profile, types, clock_skew, max_lifetime, max_stale, .. } = self;
        let issuer = || Excerpt::new(&name);
        if name.is_empty() || name.len() > limits::IDENTIFIER_BYTES {
            return Err(TrustError::NameUnusable(issuer()));
        }
        if profile == Profile::JwtSvid && !is_trust_domain(&name) {
            return Err(TrustError::NotATrustDomain(issuer()));
        }
        for (setting, number, rule) in [
            ("clock_skew", clock_skew, &CLOCK_SKEW),
            ("max_lifetime", max_lifetime, &MAX_LIFETIME),
            ("max_stale", max_stale, &MAX_STALE),
        ] {
            if !rule.contains(number) {
                let range = (rule.min, rule.max);
                return Err(TrustError::OutOfRange { issuer: issuer(), setting, range });
            }
        }
        let algorithms = self.algorithms.unwrap_or_else(|| profile.algorithms().collect());
        if let Some(&algorithm) = algorithms.iter().find(|algorithm| !profile.allows(**algorithm)) {
            return Err(TrustError::AlgorithmUnusable { issuer: issuer(), algorithm });
        }
        let checked = |url: String| match url::fault(&url, urls.http_loopback) {
            None => Ok(url),
            Some(fault) => Err(TrustError::UrlUnusable { issuer: issuer(), fault: fault.message }),
        };
        let keys = match self.keys {
            KeySource::Discovery | KeySource::MetadataUrl(_) if profile == Profile::JwtSvid => {
                return Err(TrustError::NoMetadata(issuer()));
            }
            KeySource::Discovery => {
                issuer::KeySource::Discovery(issuer::usual_metadata_url(&checked(name.clone())?))
            }
            KeySource::MetadataUrl(url) => issuer::KeySource::Discovery(checked(url)?),
            KeySource::Url(url) => issuer::KeySource::Url(checked(url)?),
            KeySource::Inline(text) => {
                let (keys, skipped) = KeySet::parse(&text, profile.key_use(), backend)
                    .map_err(|error| TrustError::Keys { issuer: issuer(), error })?;
                if let Some(key) = skipped.into_iter().find(|key| key.fault != KeyFault::NotForJwtSvids) {
                    return Err(TrustError::KeyUnusable { issuer: issuer(), key });
                }
                if !algorithms.iter().any(|algorithm| keys.serves(*algorithm)) {
                    return Err(TrustError::NoKeyForAlgorithms(issuer()));
                }
                issuer::KeySource::Inline(Arc::new(keys))
            }
        };
        let claims = self.conditions.map(|conditions| conditions.into_parts(paths)).unwrap_or_default();
        let status = None;
        Ok(Issuer {
            name,
            profile,
            types,
            algorithms,
            clock_skew,
            max_lifetime,
            claims,
            status,
            keys,
            max_stale,
        })
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuer => f.write_str("no issuer is trusted"),
            Self::IssuerRepeated(name) => write!(f, "the issuer {name} is already there"),
            Self::NameUnusable(name) => {
                let most = limits::IDENTIFIER_BYTES;
                write!(f, "the issuer's name {name} is empty or longer than {most} bytes")
            }
            Self::NotATrustDomain(name) => {
                write!(f, "{name} is not a trust domain: expected `spiffe://` and its name, in lower case")
            }
            Self::NoMetadata(name) => {
                write!(f, "the trust domain {name} has no metadata: give the URL of its bundle")
            }
            Self::UrlUnusable { issuer, fault } => {
                write!(f, "the keys of {issuer} cannot be fetched: {fault}")
            }
            Self::OutOfRange { issuer, setting, range: (least, most) } => {
                write!(f, "{setting} of {issuer} is not from {least} to {most} seconds")
            }
            Self::AlgorithmUnusable { issuer, algorithm } => {
                write!(f, "no JWT-SVID of {issuer} is signed with {algorithm}")
            }
            Self::Keys { issuer, error } => write!(f, "the keys of {issuer} are refused: {error}"),
            Self::KeyUnusable { issuer, key } => write!(f, "of the keys of {issuer}, {key}"),
            Self::NoKeyForAlgorithms(issuer) => {
                write!(f, "none of the keys of {issuer} is for any of its algorithms")
            }
        }
    }
}

impl core::error::Error for TrustError {}

#[cfg(test)]
mod tests;

//! Clients, audiences, scopes, keys, and the decision to issue a token.
//!
//! Nothing here knows HTTP or SQL, reads a clock or draws randomness for a decision: a [`Directory`] is the whole
//! state, and [`decide`] answers from it.

mod actors;
mod algorithm;
mod change;
mod client;
mod condition;
mod credential;
mod custom;
mod decision;
mod directory;
mod exchange;
mod grant;
mod id;
mod issuer;
mod key;
mod lifetime;
mod own_token;
mod revocation;
mod scope;
mod secret;
mod status;
mod time;
mod trust;

pub use actors::{ActDepth, ActorChain, MAX_ACT_DEPTH};
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use change::{Actor, Applied, Change, ChangeError, Effect, Settings};
pub use client::{
    Audience, Client, Description, DescriptionError, LabelError, Labels, MAX_DESCRIPTION, MAX_LABELS,
};
pub use condition::{Conditions, ConditionsError};
pub use credential::{
    CertificateMatch, Credential, CredentialId, CredentialIdError, CredentialKind, MAX_CREDENTIALS,
    MAX_SECRETS, OwnKeys, Thumbprint, ThumbprintError,
};
pub use custom::{CustomClaim, CustomClaimError, CustomClaims, CustomValue, parse_claim};
pub use decision::{
    Authenticated, AuthenticationFailure, Claims, Issuance, Method, Refusal, TokenId, TokenIdError, Wish,
    authenticate, decide,
};
pub use directory::{Directory, Entry};
pub use exchange::{Exchange, ExchangeWish, Exchanges, MAX_EXCHANGES, TooManyExchanges, decide_exchange};
pub use grant::Grant;
pub use id::{ClientId, ClientIdError, MAX_CLIENT_ID};
pub use issuer::{
    INTROSPECTION_PATH, IssuerId, IssuerIdError, JWKS_PATH, REVOCATION_PATH, STATUS_PATH, TOKEN_PATH,
};
pub use key::{
    CLOCK_ALLOWANCE, DEFAULT_ROTATE_EVERY, Event, KEY_SET_MAX_AGE, KeyChange, KeyState, MAX_ROTATE_EVERY,
    MAX_STALENESS, MIN_ROTATE_EVERY, PUBLICATION_LEAD, Plan, PrivateKey, Prospect, RETIRED_KEY_RETENTION,
    Resealed, RotateEvery, RotateEveryError, RotationReason, Sightings, Step, StoredKey, key_set_max_age,
};
pub use lifetime::{DEFAULT_LIFETIME, Lifetime, LifetimeBounds, LifetimeError, MAX_LIFETIME};
pub use own_token::{CLOCK_SKEW, Fallen, OwnToken};
pub use revocation::{
    REVOCATION_RETENTION, Revocation, RevocationChanges, RevocationRecord, Revocations, RevokedBy,
    RevokedList,
};
pub use scope::{MAX_SCOPE, MAX_SCOPES, Scope, ScopeError, ScopeSet};
pub(crate) use secret::random;
pub use secret::{ClientSecret, Pepper, RandomError, SecretHash, SecretHashError};
pub use status::{
    Block, BlockRequest, Capacity, Holder, LIST_RETENTION, ListId, ListIdError, MAX_BLOCK, MIN_BLOCK, Seed,
    StatusClaim, StatusList, StatusPlace, StatusReference, StatusTtl, StatusTtlError, WINDOW, window_end,
};
pub use time::UnixTime;
pub use trust::{Accepts, AudienceRule, KeySource, MAX_INLINE_JWKS, MAX_NAME, Profile, Trust, TrustError};

//! Clients, audiences, scopes, keys, and the decision to issue a token.
//!
//! Nothing here knows HTTP or SQL, reads a clock or draws randomness for a decision: a [`Directory`] is the whole
//! state, and [`decide`] answers from it.

mod access_token;
mod actors;
mod algorithm;
mod authentication;
mod change;
mod claims;
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
mod registration;
mod revocation;
mod scope;
mod secret;
mod status;
mod time;
mod token_id;

pub use access_token::{AccessToken, CLOCK_SKEW, NoLongerValid};
pub use actors::{ActDepth, ActorChain, MAX_ACT_DEPTH};
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use authentication::{Authenticated, AuthenticationFailure, Method, authenticate};
pub use change::{Actor, Applied, Change, ChangeError, ChangeSubject, ClientUpdate, Effect};
pub use claims::Claims;
pub use client::{
    Audience, Client, Description, DescriptionError, LabelError, Labels, MAX_DESCRIPTION, MAX_LABELS,
};
pub use condition::{Conditions, ConditionsError};
pub use credential::{
    CertificateMatch, ClientKeys, Credential, CredentialId, CredentialIdError, CredentialKind,
    MAX_CREDENTIALS, MAX_SECRETS, Thumbprint, ThumbprintError,
};
pub use custom::{CustomClaim, CustomClaimError, CustomClaims, CustomValue, parse_claim};
pub use decision::{ExchangeRequest, Issuance, Refusal, RequestedAccess, decide, decide_exchange};
pub use directory::{Directory, Entry};
pub use exchange::{Exchange, Exchanges, MAX_EXCHANGES, TooManyExchanges};
pub use grant::ClientGrant;
pub use id::{ClientId, ClientIdError, MAX_CLIENT_ID};
pub use issuer::{IssuerId, IssuerIdError};
pub use key::{
    CLOCK_ALLOWANCE, DEFAULT_ROTATE_EVERY, Event, FirstSeen, KEY_SET_MAX_AGE, KeyChange, KeyState,
    MAX_ROTATE_EVERY, MAX_STALENESS, MIN_ROTATE_EVERY, NextEvent, PUBLICATION_LEAD, Plan, PrivateKey,
    RETIRED_KEY_RETENTION, Resealed, RotateEvery, RotateEveryError, RotationReason, Step, StoredKey,
    key_set_max_age,
};
pub use lifetime::{DEFAULT_LIFETIME, Lifetime, LifetimeBounds, LifetimeError, MAX_LIFETIME};
pub use registration::{
    AcceptedAudience, AudienceRule, InlineKeySet, JwksUri, KeySource, MAX_INLINE_JWKS, MAX_NAME, Profile,
    RegisteredText, RegistrationError, WorkloadRegistration,
};
pub use revocation::{
    REVOCATION_RETENTION, Revocation, RevocationChanges, RevocationRecord, Revocations, RevokedBy,
    RevokedList,
};
pub use scope::{MAX_SCOPE, MAX_SCOPES, Scope, ScopeError, ScopeSet};
pub(crate) use secret::random;
pub use secret::{ClientSecret, Pepper, RandomError, SecretHash, SecretHashError};
pub use status::{
    Block, BlockRequest, Capacity, LIST_RETENTION, ListId, ListIdError, MAX_BLOCK, MIN_BLOCK, Seed,
    StatusClaim, StatusIndex, StatusList, StatusReference, StatusTtl, StatusTtlError, TokenParties, WINDOW,
    window_end,
};
pub use time::UnixTime;
pub use token_id::{TokenId, TokenIdError};

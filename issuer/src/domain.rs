//! Clients, audiences, scopes, keys, and the decision to issue a token.
//!
//! Nothing here knows HTTP or SQL, reads a clock or draws randomness for a decision: a [`Directory`] is the whole
//! state, and [`decide`] answers from it.

mod change;
mod decision;
mod directory;
mod id;
mod issuer;
mod key;
mod scope;
mod secret;
mod time;
mod trust;

pub use change::{Actor, Applied, Change, ChangeError, Effect};
pub use decision::{
    Authenticated, AuthenticationFailure, Claims, Method, Refusal, TokenId, authenticate, decide,
};
pub use directory::{Client, Directory, Grant, Lifetime, LifetimeError, MAX_LIFETIME};
pub use id::{ClientId, ClientIdError, MAX_CLIENT_ID};
pub use issuer::{IssuerId, IssuerIdError, JWKS_PATH, TOKEN_PATH};
pub use key::{Algorithm, KeyState, RETIRED_KEY_RETENTION, StoredKey, UnknownAlgorithm};
pub use scope::{MAX_SCOPE, MAX_SCOPES, Scope, ScopeError, ScopeSet};
pub(crate) use secret::random;
pub use secret::{ClientSecret, RandomError, SecretHash};
pub use time::UnixTime;
pub use trust::{KeySource, MAX_INLINE_JWKS, MAX_NAME, Profile, Trust, TrustError};

//! What a token is worth, told to whom it concerns (RFC 7662, RFC 9701).

use serde_json::{Value, json};

use super::request::ClientAuthentication;
use super::validation::{ValidatedToken, ValidationError};
use super::{TokenError, TokenService};
use crate::domain::{Authenticated, ClientId, ScopeSet, UnixTime};
use crate::keys::sign_jwt;

/// `typ` of a signed answer (RFC 9701 §5).
const INTROSPECTION_TYPE: &str = "token-introspection+jwt";

/// In what form the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFormat {
    /// JSON (RFC 7662 §2.2).
    Json,
    /// A signed JWT (RFC 9701 §5).
    Jwt,
}

/// An answer to whoever asked about a token.
#[derive(Debug)]
pub struct Introspection {
    /// Who asked.
    pub caller: Authenticated,
    /// What the token is worth to the caller, or why nothing.
    pub verdict: Result<Active, Inactive>,
    /// In what form it is wanted.
    pub format: AnswerFormat,
    at: UnixTime,
}

/// A token that is good now.
#[derive(Debug)]
pub struct Active {
    /// What it says.
    pub validated: ValidatedToken,
    /// The scopes that are left of it.
    pub scopes: ScopeSet,
}

/// Why a token is worth nothing to who asks. The answer never tells these apart (RFC 7662 §2.2).
#[derive(Debug, thiserror::Error)]
pub enum Inactive {
    /// It is not good, whoever asks.
    #[error(transparent)]
    NotGood(ValidationError),
    /// It is another's.
    #[error("the token is for `{audience}`")]
    Foreign {
        /// Its name.
        token_id: String,
        /// Whom it is for.
        audience: ClientId,
    },
}

impl TokenService {
    /// Tells who asks what a token is worth to it: something only if it is the audience of the token. Its holder
    /// may ask, too, but for no signed answer, which is for audiences alone (RFC 9701 §5).
    pub async fn introspect(
        &self,
        client: &ClientAuthentication,
        token: &str,
        format: AnswerFormat,
    ) -> Result<Introspection, TokenError> {
        let caller = self.authenticate_client(client).await?;
        let snapshot = self.snapshot()?;
        let at = self.now();
        let verdict = match self.validator().validate(&snapshot, token, at) {
            Err(error) if error.is_ours() => return Err(TokenError::Validation(error)),
            Err(error) => Err(Inactive::NotGood(error)),
            Ok((validated, scopes)) => {
                let token = &validated.token;
                let holder = format == AnswerFormat::Json && *caller.client() == token.client;
                if *caller.client() == token.audience || holder {
                    Ok(Active { validated, scopes })
                } else {
                    Err(Inactive::Foreign { token_id: token.id.clone(), audience: token.audience.clone() })
                }
            }
        };
        Ok(Introspection { caller, verdict, format, at })
    }

    /// An answer as a JWT (RFC 9701 §5), signed as tokens for the caller are. It has neither `sub` nor `exp`, so that
    /// nobody takes it for a token.
    pub async fn sign_introspection(&self, answer: &Introspection) -> Result<String, TokenError> {
        let snapshot = self.snapshot()?;
        let caller = answer.caller.client();
        let algorithm = snapshot.directory.client(caller.as_str()).and_then(|it| it.audience.algorithm);
        let signer = snapshot.keyring.signer(algorithm).ok_or(TokenError::NoKeyOf(algorithm))?;
        let claims = json!({
            "iss": self.issuer().as_str(),
            "aud": caller,
            "iat": answer.at,
            "token_introspection": answer.members(),
        });
        Ok(sign_jwt(signer, INTROSPECTION_TYPE, &claims).await?)
    }
}

impl Introspection {
    /// The members of the answer (RFC 7662 §2.2): all claims of the token, its scopes as far as they are left.
    #[must_use]
    pub fn members(&self) -> Value {
        let Ok(Active { validated, scopes }) = &self.verdict else { return json!({ "active": false }) };
        let mut members = validated.claims.clone();
        members.insert("active".to_owned(), true.into());
        members.insert("token_type".to_owned(), "Bearer".into());
        members.remove("scope");
        if !scopes.is_empty() {
            members.insert("scope".to_owned(), scopes.to_string().into());
        }
        members.into()
    }
}

impl Inactive {
    /// The name of the token, where it is one of this server's.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        match self {
            Self::NotGood(error) => error.token_id(),
            Self::Foreign { token_id, .. } => Some(token_id),
        }
    }
}

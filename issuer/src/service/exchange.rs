//! The subject of an exchange (RFC 8693): the token that is traded, and what becomes of it.

use super::request::PresentedJwt;
use super::validation::ValidationError;
use super::{TokenError, TokenService};
use crate::domain::{
    AccessToken, Authenticated, ExchangeRequest, Issuance, Refusal, RequestedAccess, TokenId, UnixTime,
    decide_exchange,
};
use crate::store::Snapshot;

/// What was decided, and about which token.
pub(super) struct Decided {
    pub(super) issuance: Result<Issuance, Refusal>,
    pub(super) subject: AccessToken,
}

impl TokenService {
    /// Decides whether `client` gets a token for one that it was called with, which has to stand.
    pub(super) fn exchange(
        &self,
        snapshot: &Snapshot,
        client: &Authenticated,
        subject_token: &PresentedJwt,
        access: RequestedAccess<'_>,
        now: UnixTime,
    ) -> Result<Decided, TokenError> {
        let refused = |error: ValidationError| {
            if error.is_ours() {
                TokenError::Validation(error)
            } else {
                TokenError::SubjectToken { client: client.clone(), error }
            }
        };
        let (validated, held) =
            self.validator.validate(snapshot, subject_token.as_str(), now).map_err(refused)?;
        let subject = validated.token;
        let max_act_depth = self.max_act_depth;
        let exchange = ExchangeRequest { subject: &subject, held: &held, access, max_act_depth };
        let (directory, token_id) = (&snapshot.directory, TokenId::generate()?);
        let issuance =
            decide_exchange(directory, &self.issuer, &self.bounds, client, exchange, token_id, now);
        Ok(Decided { issuance, subject })
    }
}

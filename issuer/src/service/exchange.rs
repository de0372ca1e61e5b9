//! The subject of an exchange (RFC 8693): the token that is traded, and what becomes of it.

use super::inspection::InspectionError;
use super::request::Presented;
use super::{TokenError, TokenService};
use crate::domain::{
    Authenticated, ExchangeWish, Issuance, OwnToken, Refusal, TokenId, UnixTime, Wish, decide_exchange,
};
use crate::store::Snapshot;

/// What was decided, and about which token.
pub(super) struct Decided {
    pub(super) issuance: Result<Issuance, Refusal>,
    pub(super) subject: OwnToken,
}

impl TokenService {
    /// Decides whether `client` gets a token for one that it was called with, which has to stand.
    pub(super) fn exchange(
        &self,
        snapshot: &Snapshot,
        client: &Authenticated,
        subject_token: &Presented,
        wish: Wish<'_>,
        now: UnixTime,
    ) -> Result<Decided, TokenError> {
        let refused = |error: InspectionError| {
            if error.is_ours() {
                TokenError::Inspection(error)
            } else {
                TokenError::SubjectToken { client: client.clone(), error }
            }
        };
        let (inspected, held) =
            self.inspector.inspect(snapshot, subject_token.as_str(), now).map_err(refused)?;
        let subject = inspected.token;
        let max_act_depth = self.max_act_depth;
        let exchange = ExchangeWish { subject: &subject, held: &held, wish, max_act_depth };
        let (directory, token_id) = (&snapshot.directory, TokenId::generate()?);
        let issuance =
            decide_exchange(directory, &self.issuer, &self.bounds, client, exchange, token_id, now);
        Ok(Decided { issuance, subject })
    }
}

//! Clients that take a token back (RFC 7009).

use super::{ClientAuthentication, PresentedJwt, TokenError, TokenService, ValidationError};
use crate::domain::{
    AccessToken, Actor, Authenticated, Change, LIST_RETENTION, Revocation, RevocationRecord, RevokedBy,
    TokenId, UnixTime,
};

/// A client asked that a token be revoked.
#[derive(Debug)]
pub struct RevocationRequest {
    /// Who asked.
    pub client: Authenticated,
    /// What came of it. The client learns nothing of it.
    pub outcome: RevocationOutcome,
}

/// What came of a request to revoke a token.
#[derive(Debug)]
pub enum RevocationOutcome {
    /// It is revoked now.
    Revoked(AccessToken),
    /// It was revoked before.
    AlreadyRevoked(AccessToken, RevokedBy),
    /// It is another client's, and for yet another.
    NotTheClients(AccessToken),
    /// There was nothing to revoke: none of this server's tokens, or one that has expired.
    NotGood(ValidationError),
}

impl TokenService {
    /// Revokes a token for the client that holds it or the one that it is for.
    pub async fn revoke(
        &self,
        client: &ClientAuthentication,
        token: &PresentedJwt,
    ) -> Result<RevocationRequest, TokenError> {
        let client = self.authenticate_client(client).await?;
        let outcome = self.revoke_for(&client, token).await?;
        Ok(RevocationRequest { client, outcome })
    }

    async fn revoke_for(
        &self,
        client: &Authenticated,
        token: &PresentedJwt,
    ) -> Result<RevocationOutcome, TokenError> {
        let snapshot = self.snapshot()?;
        let now = self.now();
        let token = match self.validator().read(&snapshot.keyring, token.as_str(), now) {
            Ok(validated) => validated.token,
            Err(error) if error.is_ours() => return Err(TokenError::Validation(error)),
            Err(error) => return Ok(RevocationOutcome::NotGood(error)),
        };
        if ![&token.client, &token.audience].contains(&client.client()) {
            return Ok(RevocationOutcome::NotTheClients(token));
        }
        if let Some(by) = snapshot.revocations.is_revoked(&token) {
            return Ok(RevocationOutcome::AlreadyRevoked(token, by));
        }
        let Ok(id) = token.id.parse::<TokenId>() else {
            return Ok(RevocationOutcome::NotGood(ValidationError::Claims));
        };
        let record = record(Revocation::Token(id), token.expires_at, now);
        let change = Change::Revoke(record);
        self.statuses
            .store()
            .apply(&Actor::client(client.client()), &change, now)
            .await
            .map_err(TokenError::Unrecorded)?;
        // Whoever asks here from now on sees it.
        self.snapshots.refreshed().await;
        Ok(RevocationOutcome::Revoked(token))
    }
}

/// A revocation of one token, remembered for as long as some clock may think that it lives.
fn record(what: Revocation, expires_at: UnixTime, at: UnixTime) -> RevocationRecord {
    RevocationRecord { what, at, expires_at: expires_at.plus(LIST_RETENTION) }
}

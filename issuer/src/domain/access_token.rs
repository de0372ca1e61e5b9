//! What an access token of this server says, read back, and whether it still stands.

use super::actors::ActorChain;
use super::directory::Directory;
use super::id::ClientId;
use super::scope::ScopeSet;
use super::time::UnixTime;

/// How far another clock may be from this one, in seconds: the verifier's default.
pub const CLOCK_SKEW: u64 = 30;

/// An access token of this server whose signature and times are good. Whether it was called back since is another
/// question, and [`remaining_scopes`](Self::remaining_scopes) answers a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Its name (`jti`).
    pub id: String,
    /// The key that it is signed with (`kid`).
    pub kid: String,
    /// On whose behalf the holder calls (`sub`): the holder itself, unless the token was exchanged.
    pub subject: ClientId,
    /// Who holds it (`client_id`).
    pub client: ClientId,
    /// Whom it is for (`aud`).
    pub audience: ClientId,
    /// Its scopes as issued.
    pub scopes: ScopeSet,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// From when on it is no longer good.
    pub expires_at: UnixTime,
    /// Through whose hands the subject's authority came (`act`), if it was exchanged.
    pub actors: ActorChain,
}

/// Why a token that was good when it was issued is so no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLongerValid {
    /// Someone it names is gone, or the name is another client's now.
    #[error("`{party}`, which the token names, is no longer registered")]
    Gone {
        /// Who.
        party: ClientId,
    },
    /// Someone it names is not enabled.
    #[error("`{party}`, which the token names, is disabled")]
    Disabled {
        /// Who.
        party: ClientId,
    },
    /// The grant that it was issued by is withdrawn or has expired.
    #[error("the grant that the token was issued by no longer stands")]
    GrantGone,
}

impl AccessToken {
    /// The scopes that it is still good for, which may be fewer than it was issued with.
    ///
    /// Everyone it names has to be there and enabled, and the grant it was issued by has to stand. A client that was
    /// registered after the token was issued is another one by the same name.
    pub fn remaining_scopes(&self, directory: &Directory, now: UnixTime) -> Result<ScopeSet, NoLongerValid> {
        let parties = [&self.subject, &self.client, &self.audience].into_iter().chain(self.actors.iter());
        for party in parties {
            let known = directory.client(party.as_str());
            let gone = || NoLongerValid::Gone { party: party.clone() };
            let client =
                known.filter(|it| it.created_at <= self.issued_at.plus(CLOCK_SKEW)).ok_or_else(gone)?;
            if !client.enabled {
                return Err(NoLongerValid::Disabled { party: party.clone() });
            }
        }
        let grant = directory.grant(self.client.as_str(), self.audience.as_str());
        let grant = grant.filter(|grant| grant.is_active_at(now)).ok_or(NoLongerValid::GrantGone)?;
        Ok(self.scopes.common(&grant.scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Client, ClientGrant, Entry};
    use crate::testing::{NOW, client, id, scopes};

    fn directory(change: impl Fn(&mut Client), grant: Option<ClientGrant>) -> Directory {
        let entry = |name: &str, grants: Option<ClientGrant>| {
            let mut client = client(name, "read write");
            change(&mut client);
            Entry::new(client, grants)
        };
        let names = ["shop", "stock"].map(|name| entry(name, None));
        Directory::new(names.into_iter().chain([entry("orders", grant)]))
    }

    fn grant(scopes: &str) -> ClientGrant {
        ClientGrant::new(id("orders"), id("stock"), self::scopes(scopes))
    }

    /// What `orders` holds for `stock`, on behalf of `shop`.
    fn token() -> AccessToken {
        AccessToken {
            id: "t".to_owned(),
            kid: "k".to_owned(),
            subject: id("shop"),
            client: id("orders"),
            audience: id("stock"),
            scopes: scopes("read write"),
            issued_at: NOW,
            expires_at: NOW.plus(600),
            actors: ActorChain::default().joined_by(id("orders")),
        }
    }

    #[test]
    fn a_token_is_worth_what_its_grant_still_holds() {
        for (granted, left) in [("read write", "read write"), ("read", "read"), ("", "")] {
            let directory = directory(|_| (), Some(grant(granted)));
            assert_eq!(token().remaining_scopes(&directory, NOW), Ok(scopes(left)), "{granted}");
        }
    }

    #[test]
    fn it_falls_with_its_grant() {
        assert_eq!(token().remaining_scopes(&directory(|_| (), None), NOW), Err(NoLongerValid::GrantGone));
        let until = |at| directory(|_| (), Some(ClientGrant { expires_at: Some(at), ..grant("read") }));
        assert_eq!(token().remaining_scopes(&until(NOW), NOW), Err(NoLongerValid::GrantGone));
        assert_eq!(token().remaining_scopes(&until(NOW.plus(1)), NOW), Ok(scopes("read")));
    }

    #[test]
    fn it_falls_with_everyone_it_names() {
        let mut token = token();
        token.actors = ActorChain::default().joined_by(id("proxy")).joined_by(id("orders"));
        let all = |change: &dyn Fn(&mut Client)| {
            let mut directory = directory(change, Some(grant("read")));
            let mut proxy = client("proxy", "");
            change(&mut proxy);
            directory.insert(Entry::new(proxy, []));
            directory
        };
        assert_eq!(token.remaining_scopes(&all(&|_| ()), NOW), Ok(scopes("read")));
        for name in ["shop", "orders", "stock", "proxy"] {
            let party = id(name);
            let disabled = all(&|client| client.enabled = client.id != party);
            let reason = Err(NoLongerValid::Disabled { party: party.clone() });
            assert_eq!(token.remaining_scopes(&disabled, NOW), reason);
            let gone = Err(NoLongerValid::Gone { party: party.clone() });
            let mut without = all(&|_| ());
            without.remove(&party);
            assert_eq!(token.remaining_scopes(&without, NOW), gone);
            let registered = |at| {
                all(&|client| {
                    if client.id == party {
                        client.created_at = at;
                    }
                })
            };
            assert_eq!(token.remaining_scopes(&registered(NOW.plus(CLOCK_SKEW + 1)), NOW), gone);
            assert_eq!(token.remaining_scopes(&registered(NOW.plus(CLOCK_SKEW)), NOW), Ok(scopes("read")));
        }
    }
}

//! Status lists as they are published (draft-ietf-oauth-status-list §5.1): signed tokens, each written when it is asked
//! for and kept until something in it changes or it ages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;

use crate::domain::{IssuerId, ListId, RevokedList, StatusTtl, UnixTime};
use crate::keys::{Signer, SigningError, sign_jwt};
use crate::store::{Snapshot, Snapshots};

/// `typ` of a status list token (draft §5.1).
const STATUS_LIST_TYPE: &str = "statuslist+jwt";
/// Bits of each status: 0 is valid, 1 is invalid (draft §7.1).
const BITS: u8 = 1;
/// The most that is gained: lists are compressed once for many readers (draft §4.1).
const COMPRESSION_LEVEL: u8 = 9;
/// Age of the state beyond which no list is signed: it would tell as of now what may no longer be so. Four polls; a
/// server that cannot reach its database for longer lets verifiers know, and these have their policies for that.
const MAX_STATE_AGE: Duration = Duration::from_secs(2);
/// Shortest life of a list token, in seconds, and the least number of its `ttl`s: verifiers that cannot fetch the next
/// may go on for a while if their policy says so, and not for long.
const MIN_LIFETIME: u64 = 60;
const MIN_TTLS: u64 = 4;

/// The lists that were asked for.
#[derive(Debug, Default)]
pub(crate) struct SignedLists {
    lists: Mutex<HashMap<ListId, Arc<Cell>>>,
}

/// One of them. Whoever needs it written waits for whoever writes it.
type Cell = tokio::sync::Mutex<Option<Written>>;

/// A signed status list.
#[derive(Clone, Debug)]
pub struct SignedList {
    /// In JWS compact serialisation.
    pub token: Bytes,
    /// How long it may be kept.
    pub ttl: StatusTtl,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// None has that name, or its tokens have all expired.
    #[error("there is no such status list")]
    Unknown,
    /// The state is not fresh enough to sign that it is so now.
    #[error("the state could not be compared with the store for more than {} s", MAX_STATE_AGE.as_secs())]
    Stale,
    /// There is no key.
    #[error("there is no active signing key")]
    NoKey,
    /// The key did not sign.
    #[error("the status list could not be signed")]
    Signing(#[from] SigningError),
    /// The process is stopping.
    #[error("the status list could not be written")]
    Stopped,
}

#[derive(Clone, Debug)]
struct Written {
    /// What it was made of; the very same as long as nothing in it changes.
    source: Arc<RevokedList>,
    /// Uncompressed, to continue from.
    statuses: Vec<u8>,
    encoded: Arc<str>,
    kid: String,
    issued_at: UnixTime,
    token: Bytes,
}

#[derive(Serialize)]
struct ListClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    iat: UnixTime,
    exp: UnixTime,
    ttl: StatusTtl,
    status_list: EncodedList<'a>,
}

#[derive(Serialize)]
struct EncodedList<'a> {
    bits: u8,
    lst: &'a str,
}

/// What a list says besides its statuses.
pub(super) struct Signing<'a> {
    pub(super) issuer: &'a IssuerId,
    /// The list's own URL.
    pub(super) url: String,
    pub(super) ttl: StatusTtl,
    pub(super) now: UnixTime,
}

impl SignedLists {
    /// The list of that name, not older than half of the `ttl`.
    pub(crate) async fn get(
        &self,
        id: ListId,
        snapshots: &Snapshots,
        signing: Signing<'_>,
    ) -> Result<SignedList, ListError> {
        let Signing { ttl, now, .. } = signing;
        let (snapshot, source) = find(id, snapshots, now).await?;
        let signer = snapshot
            .keyring
            .signer(Some(source.list.algorithm))
            .or_else(|| snapshot.keyring.signer(None))
            .ok_or(ListError::NoKey)?;
        let cell = self.cell(id, &snapshot, now);
        let mut written = cell.lock().await;
        let is_good = |written: &Written| {
            Arc::ptr_eq(&written.source, &source)
                && written.kid == signer.key_id()
                && written.issued_at <= now
                && now < written.issued_at.plus(ttl.as_seconds().div_ceil(2))
        };
        if let Some(written) = written.as_ref().filter(|written| is_good(written)) {
            return Ok(SignedList { token: written.token.clone(), ttl });
        }
        let before = written.take();
        let (statuses, encoded) = encode(source.clone(), before).await?;
        let token = signing.sign(&encoded, signer).await?;
        let kid = signer.key_id().to_owned();
        let token = written.insert(Written { source, statuses, encoded, kid, issued_at: now, token });
        Ok(SignedList { token: token.token.clone(), ttl })
    }

    fn cell(&self, id: ListId, snapshot: &Snapshot, now: UnixTime) -> Arc<Cell> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = lists.get(&id) {
            return Arc::clone(cell);
        }
        let is_alive = |id: &ListId| snapshot.revocations.list(*id).is_some_and(|it| it.list.is_alive(now));
        lists.retain(|id, _| is_alive(id));
        Arc::clone(lists.entry(id).or_default())
    }
}

/// The list in a state that is fresh. One that another replica added a moment ago is found, too.
async fn find(
    id: ListId,
    snapshots: &Snapshots,
    now: UnixTime,
) -> Result<(Arc<Snapshot>, Arc<RevokedList>), ListError> {
    let look = || {
        let snapshot = snapshots.current_within(MAX_STATE_AGE).ok_or(ListError::Stale)?;
        let found = snapshot.revocations.list(id).map(Arc::clone);
        Ok::<_, ListError>((snapshot, found))
    };
    let (mut snapshot, mut found) = look()?;
    if found.is_none() {
        snapshots.refreshed().await;
        (snapshot, found) = look()?;
    }
    match found.filter(|found| found.list.is_alive(now)) {
        Some(found) => Ok((snapshot, found)),
        None => Err(ListError::Unknown),
    }
}

/// Bits and their encoding, off the threads that answer: with many revocations it is tens of milliseconds.
async fn encode(source: Arc<RevokedList>, before: Option<Written>) -> Result<(Vec<u8>, Arc<str>), ListError> {
    if let Some(before) = &before
        && Arc::ptr_eq(&before.source, &source)
    {
        return Ok((before.statuses.clone(), Arc::clone(&before.encoded)));
    }
    let encoding = tokio::task::spawn_blocking(move || {
        let (mut statuses, known) = match before {
            Some(before) => (before.statuses, Some(before.source)),
            None => (vec![0; source.list.capacity.positions() as usize / 8], None),
        };
        for index in source.indices_beyond(known.as_deref()) {
            revoke(&mut statuses, index);
        }
        let encoded = encode_statuses(&statuses);
        (statuses, encoded.into())
    });
    encoding.await.map_err(|_| ListError::Stopped)
}

/// Sets the status of an index to invalid. The lowest bit of a byte is the first (draft §4.1).
fn revoke(statuses: &mut [u8], index: u32) {
    let (byte, bit) = (index as usize / 8, index % 8);
    if let Some(byte) = statuses.get_mut(byte) {
        *byte |= 1 << bit;
    }
}

/// The member `lst`: zlib, then base64url (draft §4.1, §4.2).
pub(super) fn encode_statuses(statuses: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(compress_to_vec_zlib(statuses, COMPRESSION_LEVEL))
}

impl Signing<'_> {
    async fn sign(&self, encoded: &str, signer: &dyn Signer) -> Result<Bytes, SigningError> {
        let lifetime = (self.ttl.as_seconds() * MIN_TTLS).max(MIN_LIFETIME);
        let claims = ListClaims {
            iss: self.issuer.as_str(),
            sub: &self.url,
            iat: self.now,
            exp: self.now.plus(lifetime),
            ttl: self.ttl,
            status_list: EncodedList { bits: BITS, lst: encoded },
        };
        Ok(Bytes::from(sign_jwt(signer, STATUS_LIST_TYPE, &claims).await?))
    }
}

//! What can be done to the signing keys. Each change says what it takes the keys for, and nothing happens if they are no
//! longer that: of several who try, one does it.

use serde_json::{Value, json};

use super::{KeyState, PrivateKey, StoredKey};

/// A change of the signing keys.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// The first keys of an algorithm, in the states they carry.
    Add(Vec<StoredKey>),
    /// A *next* key, where there is none.
    Publish {
        /// The key that has to be active.
        active: String,
        /// The new key.
        next: StoredKey,
    },
    /// *active* → *retired*, *next* → *active*, and a new key becomes *next*.
    Rotate {
        /// The key that has to be active; `None` if there may be none of the algorithm.
        active: Option<String>,
        /// The key that has to be next.
        next: String,
        /// The new key, of the same algorithm.
        fresh: StoredKey,
        /// Why it is done.
        reason: RotationReason,
    },
    /// The next key is to take over as soon as that is safe.
    AskForRotation {
        /// The key that has to be active.
        active: String,
    },
    /// Takes a key out of the published set at once. In the place of an active one its *next* signs.
    Retire {
        /// Which key.
        kid: String,
        /// What it has to be, as far as [`KeyState::as_str`] tells.
        state: KeyState,
        /// What signs in the place of an active key that has no *next*; then there has to be one.
        replacement: Option<StoredKey>,
    },
    /// Removes a retired key whose last token is dead.
    Remove {
        /// Which key.
        kid: String,
    },
    /// Private keys are sealed under another key-encryption key.
    Reseal {
        /// Which keys, and how.
        keys: Vec<Resealed>,
        /// The id of that key-encryption key.
        key_encryption_key: String,
    },
}

/// A private key in another box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// Whose.
    pub kid: String,
    /// As it has to be stored now.
    pub from: PrivateKey,
    /// As it is to be stored.
    pub to: PrivateKey,
}

/// Why a key takes over from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationReason {
    /// It was its turn.
    Schedule,
    /// Somebody asked for it, and it was safe by then.
    Asked,
    /// Somebody would not wait.
    AtOnce,
}

impl KeyChange {
    /// What kind of change it is, for the audit record.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Add(_) | Self::Publish { .. } => "key.add",
            Self::Rotate { .. } => "key.rotate",
            Self::AskForRotation { .. } => "key.ask-rotation",
            Self::Retire { .. } => "key.retire",
            Self::Remove { .. } => "key.remove",
            Self::Reseal { .. } => "key.reseal",
        }
    }

    /// The keys that it is about, by their `kid`; of a rotation the one that begins to sign.
    #[must_use]
    pub fn subjects(&self) -> Vec<&str> {
        match self {
            Self::Add(keys) => keys.iter().map(|key| &*key.kid).collect(),
            Self::Publish { next, .. } => vec![&next.kid],
            Self::Rotate { next: kid, .. }
            | Self::AskForRotation { active: kid }
            | Self::Retire { kid, .. }
            | Self::Remove { kid } => vec![kid],
            Self::Reseal { keys, .. } => keys.iter().map(|key| &*key.kid).collect(),
        }
    }

    /// The rest of what the audit record should say, as JSON.
    #[must_use]
    pub fn detail(&self) -> Value {
        match self {
            Self::Add(keys) => {
                json!({ "algorithms": keys.iter().map(|key| key.algorithm).collect::<Vec<_>>() })
            }
            Self::Publish { active, next } => json!({ "algorithms": [next.algorithm], "follows": active }),
            Self::Rotate { active, fresh, reason, .. } => json!({
                "algorithm": fresh.algorithm,
                "retired": active,
                "next": fresh.kid,
                "reason": reason.as_str(),
            }),
            Self::AskForRotation { .. } | Self::Remove { .. } => json!({}),
            Self::Reseal { key_encryption_key, .. } => json!({ "key_encryption_key": key_encryption_key }),
            Self::Retire { state, replacement, .. } => {
                json!({ "was": state.as_str(), "replacement": replacement.as_ref().map(|key| &key.kid) })
            }
        }
    }
}

impl RotationReason {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Asked => "asked",
            Self::AtOnce => "at-once",
        }
    }
}

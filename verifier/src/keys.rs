//! Key sets (RFC 7517): what an issuer publishes, read into prepared keys.

mod jwk;
mod roca;

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec::Vec};
use core::fmt;

use self::jwk::Jwk;
use crate::{
    algorithm::{Algorithm, KeyKind},
    crypto::{Backend, PublicKey, Tables, WrongSignature},
    document::DocumentError,
    error::Error,
    excerpt::Excerpt,
    json::{self, Bounds, Node, Value},
    limits,
};

/// The usable keys of an issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    kind: KeyKind,
    /// The one algorithm that the key is for, where its `alg` says so.
    pinned: Option<Algorithm>,
    fingerprint: Fingerprint,
    public: Arc<PublicKey>,
}

/// What the keys of a set have to be for, by their `use` (RFC 7517 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Signatures: `sig`, or no `use`.
    Signatures,
    /// JWT-SVIDs: `jwt-svid`, and nothing else. The bundle of a trust domain holds keys of other kinds, too
    /// (SPIFFE Trust Domain and Bundle §4.2.2).
    JwtSvids,
}

/// A key of a set, as long as the set is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyIndex(usize);

/// SHA-256 over everything that decides which tokens a key verifies: `kid`, `alg` and its numbers.
pub(crate) type Fingerprint = [u8; 32];

/// A key of a set that is not used, and why. The others of the set are.
#[derive(Clone, Debug, PartialEq)]
pub struct SkippedKey {
    /// Which one in the array `keys`, from 0.
    pub position: usize,
    /// Its `kid`, if it has one.
    pub id: Option<Excerpt>,
    /// What is wrong with it.
    pub fault: KeyFault,
}

/// What keeps a key from being used.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyFault {
    /// It is not an object.
    NotAnObject,
    /// A member that its type needs is absent.
    MemberMissing(&'static str),
    /// A member has the wrong type, form or length.
    MemberMalformed(&'static str),
    /// The `kty` is none that is used here; sets may hold keys for others (RFC 7517 §5).
    TypeUnsupported(Excerpt),
    /// The `crv` is none that is used here.
    CurveUnsupported(Excerpt),
    /// The `alg` is not the one of such a key (RFC 8725 §3.1).
    AlgorithmUnsupported(Excerpt),
    /// The `use` is not `sig`.
    NotForSignatures,
    /// The `use` is not `jwt-svid`, where the tokens are JWT-SVIDs.
    NotForJwtSvids,
    /// The `key_ops` do not include `verify`.
    NotForVerification,
    /// The key is a shared secret, published.
    Symmetric,
    /// The key is private, published. Everyone can sign with it now.
    Private,
    /// The RSA modulus has fewer bits than [`limits::RSA_MODULUS_MIN_BITS`].
    ModulusTooSmall(usize),
    /// The RSA modulus has more bits than [`limits::RSA_MODULUS_MAX_BITS`].
    ModulusTooLarge(usize),
    /// The RSA exponent is even, 1, or larger than [`limits::RSA_EXPONENT_MAX_BITS`].
    ExponentUnusable,
    /// The RSA modulus is one whose factors can be computed (ROCA, CVE-2017-15361).
    ModulusWeak,
    /// The numbers are no key: a point off the curve or of small order, an even modulus.
    Invalid,
}

impl KeySet {
    /// Reads a key set, and says which of its keys it left out.
    pub(crate) fn parse(
        text: &str,
        usage: KeyUse,
        backend: Backend,
    ) -> Result<(Self, Vec<SkippedKey>), DocumentError> {
        let bounds = Bounds {
            bytes: limits::KEY_SET_BYTES,
            depth: limits::KEY_SET_DEPTH,
            elements: limits::DOCUMENT_ELEMENTS,
        };
        let node = json::parse(text, bounds).map_err(DocumentError::NotJson)?;
        Self::from_node(&node, usage, backend)
    }

    /// Reads a key set that is part of another document.
    pub(crate) fn from_node(
        node: &Node<'_>,
        usage: KeyUse,
        backend: Backend,
    ) -> Result<(Self, Vec<SkippedKey>), DocumentError> {
        let Value::Object(set) = &node.value else { return Err(DocumentError::NotAKeySet) };
        let Some(Node { value: Value::Array(entries), .. }) = set.get("keys") else {
            return Err(DocumentError::NotAKeySet);
        };
        if entries.len() > limits::KEY_SET_KEYS {
            return Err(DocumentError::TooManyKeys(entries.len()));
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (position, entry) in entries.iter().enumerate() {
            match Key::new(entry, usage, backend) {
                Ok(key) => keys.push(key),
                Err(fault) => {
                    let id = jwk::id(entry).map(Excerpt::new);
                    skipped.push(SkippedKey { position, id, fault });
                }
            }
        }
        if keys.is_empty() { Err(DocumentError::NoUsableKey(skipped)) } else { Ok((Self { keys }, skipped)) }
    }

    /// The one key that answers to a token's header. A `kid` that several keys share, or its absence
    /// where several would do, is an error: trying keys one after the other is not done.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<KeyIndex, Error> {
        let mut candidates =
            self.keys.iter().enumerate().filter(|(_, key)| {
                key.serves(algorithm) && kid.is_none_or(|kid| key.id.as_deref() == Some(kid))
            });
        match (candidates.next(), candidates.count()) {
            (Some((index, _)), 0) => Ok(KeyIndex(index)),
            (Some(_), others) => Err(Error::KeyAmbiguous { keys: others + 1 }),
            (None, _) => Err(Error::KeyUnknown { kid: kid.map(Excerpt::new), algorithm }),
        }
    }

    /// Whether one of the keys is for this algorithm.
    pub(crate) fn serves(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.serves(algorithm))
    }

    /// Whether the bytes are that key's signature over the message.
    pub(crate) fn verify(
        &self,
        index: KeyIndex,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        tables: &Tables,
    ) -> Result<(), WrongSignature> {
        let key = self.keys.get(index.0).filter(|key| key.serves(algorithm)).ok_or(WrongSignature)?;
        key.public.verify(algorithm, message, signature, tables)
    }

    /// Makes the tables of all keys now.
    #[cfg(test)]
    pub(crate) fn prepare(&self, tables: &Tables) {
        for key in &self.keys {
            key.public.prepare(tables);
        }
    }

    /// What tells that key from every other; of a key that the set does not have, no key's.
    pub(crate) fn fingerprint(&self, index: KeyIndex) -> Fingerprint {
        self.keys.get(index.0).map_or([0; 32], |key| key.fingerprint)
    }

    /// Whether a key with this fingerprint is in the set.
    pub(crate) fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint == *fingerprint)
    }

    /// Takes over what an older set has prepared for keys that are in this one, too.
    pub(crate) fn adopt(&mut self, older: &Self) {
        for old in &older.keys {
            if let Some(key) = self.keys.iter_mut().find(|key| key.fingerprint == old.fingerprint) {
                key.public = Arc::clone(&old.public);
            }
        }
    }
}

impl Key {
    fn new(entry: &Node<'_>, usage: KeyUse, backend: Backend) -> Result<Self, KeyFault> {
        let jwk = Jwk::read(entry, usage)?;
        let public = PublicKey::new(backend, &jwk.numbers).map_err(|_| KeyFault::Invalid)?;
        Ok(Self {
            id: jwk.id.map(ToOwned::to_owned),
            kind: jwk.numbers.kind(),
            pinned: jwk.algorithm,
            fingerprint: jwk.fingerprint(),
            public: Arc::new(public),
        })
    }

    fn serves(&self, algorithm: Algorithm) -> bool {
        self.kind == algorithm.key_kind() && self.pinned.is_none_or(|pinned| pinned == algorithm)
    }
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} of the set", self.position)?;
        if let Some(id) = &self.id {
            write!(f, " ({id})")?;
        }
        write!(f, " is not used: {}", self.fault)
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::NotAnObject => write!(f, "it is not an object"),
            KeyFault::MemberMissing(member) => write!(f, "`{member}` is missing"),
            KeyFault::MemberMalformed(member) => {
                write!(f, "`{member}` has the wrong type, form or length")
            }
            KeyFault::TypeUnsupported(kty) => write!(f, "its type is {kty}"),
            KeyFault::CurveUnsupported(crv) => write!(f, "its curve is {crv}"),
            KeyFault::AlgorithmUnsupported(alg) => write!(f, "its algorithm is {alg}"),
            KeyFault::NotForSignatures => write!(f, "its `use` is not `sig`"),
            KeyFault::NotForJwtSvids => write!(f, "its `use` is not `jwt-svid`"),
            KeyFault::NotForVerification => write!(f, "its `key_ops` do not include `verify`"),
            KeyFault::Symmetric => write!(f, "it is a shared secret, published: replace it"),
            KeyFault::Private => write!(f, "it is a private key, published: replace it"),
            KeyFault::ModulusTooSmall(bits) => write!(f, "its modulus has only {bits} bits"),
            KeyFault::ModulusTooLarge(bits) => write!(f, "its modulus has {bits} bits"),
            KeyFault::ExponentUnusable => write!(f, "its exponent is even, 1 or huge"),
            KeyFault::ModulusWeak => {
                write!(f, "its modulus can be factored (ROCA, CVE-2017-15361): replace it")
            }
            KeyFault::Invalid => write!(f, "its numbers are no key"),
        }
    }
}

#[cfg(test)]
mod tests;

//! Private keys in a PKCS #11 token, which they never leave (OASIS PKCS #11 v3.0).
//!
//! A [`Module`] is a token that is logged in to. It makes keys there, finds them again by their `kid`, and lends its
//! few sessions to those who sign.

mod method;
mod object;
mod signer;
mod token;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use cryptoki::error::Error;
use cryptoki::mechanism::MechanismType;
use jsonwebtoken::jwk::Jwk;

use self::method::Method;
use self::signer::ModuleSigner;
use self::token::Token;
use super::secret_source::{SecretError, SecretSource};
use super::signer::Signer;
use crate::domain::Algorithm;

/// What the secret of a token's user is called in errors.
const PIN: &str = "PIN";

/// Where keys are, `[pkcs11]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkcs11Options {
    /// The library of the module.
    pub module: PathBuf,
    /// Which of its tokens.
    pub token: TokenChoice,
    /// Where the PIN of the token's user comes from.
    pub pin: SecretSource,
    /// How many signatures are made at the same time; each takes a session.
    pub sessions: usize,
}

impl Pkcs11Options {
    /// Signatures that a token makes at the same time unless told otherwise. Modules in software use a processor for
    /// each; those in hardware have a few engines.
    pub const DEFAULT_SESSIONS: usize = 8;
    /// Most that can be asked for: each may hold a thread while it waits, and tokens have not many more.
    pub const MAX_SESSIONS: usize = 128;
}

/// What a token is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenChoice {
    /// Its label.
    Label(String),
    /// Its serial number.
    Serial(String),
    /// The number of the slot that it is in.
    Slot(u64),
}

/// Why a token is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The library cannot be loaded.
    #[error("the PKCS #11 module {} cannot be loaded; check `[pkcs11] module`", path.display())]
    Load {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Error,
    },
    /// There is no such token.
    #[error("no PKCS #11 token has {choice}; there {}", tokens(there))]
    NoToken {
        /// What was looked for.
        choice: TokenChoice,
        /// The labels of the tokens that are there.
        there: Vec<String>,
    },
    /// There are several.
    #[error("several PKCS #11 tokens have {0}; name one by `serial` or `slot`")]
    SeveralTokens(TokenChoice),
    /// There is no PIN.
    #[error("the PKCS #11 token cannot be logged in to")]
    NoPin(#[from] SecretError),
    /// The token refuses the PIN. It is not tried again by this process, since too many tries lock a token.
    #[error(
        "the PKCS #11 token `{token}` refuses the PIN; check `[pkcs11] pin`, and with the token's own tools whether it is locked"
    )]
    Pin {
        /// The label of the token.
        token: String,
        /// What the module says.
        source: Option<Error>,
    },
    /// It lacks what an algorithm needs.
    #[error("the PKCS #11 token `{token}` does not do {algorithm}")]
    Unsupported {
        /// The label of the token.
        token: String,
        /// What it does not do.
        algorithm: Algorithm,
    },
    /// The key is not there.
    #[error("the PKCS #11 token `{token}` has no such private key")]
    NoKey {
        /// The label of the token.
        token: String,
    },
    /// Several keys have its id.
    #[error("the PKCS #11 token `{token}` has several private keys of that id")]
    SeveralKeys {
        /// The label of the token.
        token: String,
    },
    /// The token made a key that it would give away.
    #[error(
        "the PKCS #11 token `{token}` does not keep a new key to itself (CKA_SENSITIVE, CKA_EXTRACTABLE)"
    )]
    Exposed {
        /// The label of the token.
        token: String,
    },
    /// What the token answers is not what it should be.
    #[error("the PKCS #11 token `{token}` gives no {what}")]
    Answer {
        /// The label of the token.
        token: String,
        /// What it should have been.
        what: &'static str,
    },
    /// A call failed.
    #[error("the PKCS #11 module failed")]
    Call(#[from] Error),
}

/// A token that is logged in to.
pub(super) struct Module {
    token: Arc<Token>,
    mechanisms: Vec<MechanismType>,
}

impl Module {
    /// Loads the module, finds the token and logs in.
    pub(super) async fn open(options: &Pkcs11Options) -> Result<Self, ModuleError> {
        let pin = options.pin.read(PIN).await?;
        let token = Token::open(options, &pin)?;
        let mechanisms = token.mechanisms()?;
        Ok(Self { token: Arc::new(token), mechanisms })
    }

    /// The label of the token.
    pub(super) fn label(&self) -> &str {
        self.token.label()
    }

    /// Makes a key in the token. Returns its id and its public half.
    pub(super) fn generate(&self, algorithm: Algorithm) -> Result<(String, Jwk), ModuleError> {
        let method = self.method(algorithm)?;
        object::generate(&self.token, method)
    }

    /// The key `kid`, if the token has it and signs with it: its first signature is checked here, so that a token that
    /// does not sign is known before anybody waits for it.
    pub(super) fn signer(
        &self,
        kid: &str,
        algorithm: Algorithm,
        public: &Jwk,
    ) -> Result<Arc<dyn Signer>, ModuleError> {
        let signer = ModuleSigner::new(Arc::clone(&self.token), kid, self.method(algorithm)?);
        if signer.proves(public)? {
            Ok(Arc::new(signer))
        } else {
            Err(ModuleError::Answer {
                token: self.label().to_owned(),
                what: "signature that its public key verifies",
            })
        }
    }

    /// Deletes the key `kid` in the token, if it is there.
    pub(super) fn destroy(&self, kid: &str) -> Result<(), ModuleError> {
        object::destroy(&self.token, kid)
    }

    fn method(&self, algorithm: Algorithm) -> Result<Method, ModuleError> {
        Method::choose(algorithm, &self.mechanisms)
            .ok_or_else(|| ModuleError::Unsupported { token: self.label().to_owned(), algorithm })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("token", &self.label()).finish_non_exhaustive()
    }
}

impl fmt::Display for TokenChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "the label `{label}`"),
            Self::Serial(serial) => write!(f, "the serial number `{serial}`"),
            Self::Slot(slot) => write!(f, "slot {slot}"),
        }
    }
}

fn tokens(labels: &[String]) -> String {
    match labels {
        [] => "are none".to_owned(),
        [one] => format!("is `{one}`"),
        several => format!("are `{}`", several.join("`, `")),
    }
}

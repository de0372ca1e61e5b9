//! A token of a module: found, logged in to, its sessions lent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{ModuleError, Pkcs11Options, TokenChoice};

/// A token that is logged in to.
pub(super) struct Token {
    context: Pkcs11,
    choice: TokenChoice,
    label: String,
    pin: AuthPin,
    /// Set when the token has refused the PIN.
    refused: AtomicBool,
    /// Sessions that nobody uses now.
    idle: Mutex<Vec<Lane>>,
    /// One for each session that may sign at the same time.
    permits: Arc<Semaphore>,
    sessions: usize,
}

/// A session that signs, with the keys that it has found. Handles of objects live as long as their session.
pub(super) struct Lane {
    pub(super) session: Session,
    pub(super) keys: HashMap<String, ObjectHandle>,
}

impl Token {
    pub(super) fn open(options: &Pkcs11Options, pin: &Zeroizing<String>) -> Result<Self, ModuleError> {
        let load = |source| ModuleError::Load { path: options.module.clone(), source };
        let context = Pkcs11::new(&options.module).map_err(load)?;
        initialize(&context).map_err(load)?;
        let (_, label) = find(&context, &options.token)?;
        let token = Self {
            context,
            choice: options.token.clone(),
            label,
            pin: AuthPin::from(pin.as_str()),
            refused: AtomicBool::new(false),
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(options.sessions)),
            sessions: options.sessions,
        };
        let first = token.open_lane()?;
        token.put_back(first);
        Ok(token)
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Whoever signs holds one of these.
    pub(super) const fn permits(&self) -> &Arc<Semaphore> {
        &self.permits
    }

    pub(super) fn mechanisms(&self) -> Result<Vec<MechanismType>, ModuleError> {
        Ok(self.context.get_mechanism_list(self.slot()?)?)
    }

    /// Does `work` in a session. One that was idle may have been lost meanwhile, with the keys that it had found: if
    /// `work` fails there, whatever the reason, it is done once more in a new one.
    pub(super) fn in_session<T>(
        &self,
        mut work: impl FnMut(&mut Lane) -> Result<T, ModuleError>,
    ) -> Result<T, ModuleError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut lane) = idle {
            match work(&mut lane) {
                Ok(done) => {
                    self.put_back(lane);
                    return Ok(done);
                }
                Err(error @ ModuleError::Call(_)) => {
                    let (error, token) = (tessera_fetch::chain(&error), &*self.label);
                    tracing::warn!(
                        token,
                        error,
                        "a session with the PKCS #11 token is lost; opening another"
                    );
                }
                // A session that was logged out sees no private key.
                Err(_) => {}
            }
        }
        let mut lane = self.open_lane()?;
        let done = work(&mut lane)?;
        self.put_back(lane);
        Ok(done)
    }

    /// A session that may write, for work that is rare.
    pub(super) fn writing(&self) -> Result<Session, ModuleError> {
        let session = self.context.open_rw_session(self.slot()?)?;
        self.log_in(&session)?;
        Ok(session)
    }

    fn open_lane(&self) -> Result<Lane, ModuleError> {
        let session = match self.slot().and_then(|slot| Ok(self.context.open_ro_session(slot)?)) {
            Err(ModuleError::Call(Error::Pkcs11(RvError::CryptokiNotInitialized, _))) => {
                initialize(&self.context)?;
                self.context.open_ro_session(self.slot()?)?
            }
            other => other?,
        };
        self.log_in(&session)?;
        Ok(Lane { session, keys: HashMap::new() })
    }

    /// Where the token is now: one that was taken out and put back may be in another slot.
    fn slot(&self) -> Result<Slot, ModuleError> {
        find(&self.context, &self.choice).map(|(slot, _)| slot)
    }

    /// All sessions of a process are logged in together, so that mostly this only learns that they are.
    fn log_in(&self, session: &Session) -> Result<(), ModuleError> {
        let refused = |source| ModuleError::Pin { token: self.label.clone(), source };
        if self.refused.load(Ordering::Relaxed) {
            return Err(refused(None));
        }
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(
                error @ Error::Pkcs11(
                    RvError::PinIncorrect
                    | RvError::PinInvalid
                    | RvError::PinLenRange
                    | RvError::PinExpired
                    | RvError::PinLocked
                    | RvError::UserPinNotInitialized,
                    _,
                ),
            ) => {
                self.refused.store(true, Ordering::Relaxed);
                Err(refused(Some(error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn put_back(&self, lane: Lane) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.sessions {
            idle.push(lane);
        }
    }
}

/// Once in a process; a second time finds it done.
fn initialize(context: &Pkcs11) -> Result<(), Error> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The slot of the token that is meant, and its label.
fn find(context: &Pkcs11, choice: &TokenChoice) -> Result<(Slot, String), ModuleError> {
    let mut found = None;
    let mut there = Vec::new();
    for slot in context.get_slots_with_token()? {
        let Ok(info) = context.get_token_info(slot) else { continue };
        if !info.token_initialized() {
            continue;
        }
        let label = info.label().to_owned();
        let is_it = match choice {
            TokenChoice::Label(wanted) => label == *wanted,
            TokenChoice::Serial(serial) => info.serial_number() == serial,
            TokenChoice::Slot(number) => slot.id() == *number,
        };
        if is_it && found.replace((slot, label.clone())).is_some() {
            return Err(ModuleError::SeveralTokens(choice.clone()));
        }
        there.push(label);
    }
    found.ok_or_else(|| ModuleError::NoToken { choice: choice.clone(), there })
}

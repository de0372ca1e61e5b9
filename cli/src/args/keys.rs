//! `tessera keys`.

use clap::Subcommand;
use tessera_issuer::domain::Algorithm;

use super::value::Confirmed;

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the signing keys, and what becomes of each
    List,
    /// Let the next key take over as soon as every verifier knows it
    ///
    /// If that is now it happens now; otherwise a running issuer does it when the time has come. The old key stays
    /// published until its last token has expired, so nothing that was issued stops working.
    #[command(after_help = "\
Examples:
  tessera keys rotate
  tessera keys rotate --now       verifiers may not know the new key yet")]
    Rotate {
        /// Whose turn it is, as `ES256` [default: what tokens are signed with unless an audience says]
        #[arg(long)]
        algorithm: Option<Algorithm>,
        /// Do not wait
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Take a key out of the published set at once, as after a theft
    ///
    /// Every token that was signed with it is refused by each verifier from when that fetches the key set again. In the
    /// place of the active key the next one signs.
    #[command(after_help = "\
Example:
  tessera keys retire NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    Retire {
        /// The key, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Make the first key of another algorithm, for audiences that ask for it
    ///
    /// It is published, and signs from when every verifier knows it.
    #[command(after_help = "\
Example:
  tessera keys add --algorithm RS256")]
    Add {
        /// ES256, RS256, PS256, ES384 or EdDSA
        #[arg(long)]
        algorithm: Algorithm,
        /// Let it sign at once
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// Seal all keys under the current key-encryption key, those too that are under one of `old_key_encryption_keys`
    ///
    /// Servers that run go on with the keys that they have opened. Do this when all of them have been started with
    /// both.
    Reseal,
}

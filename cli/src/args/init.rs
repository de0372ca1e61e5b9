//! `tessera init`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tessera_issuer::domain::{Algorithm, IssuerId};

/// `tessera init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tessera init issuer
  tessera init /etc/tessera --listen 0.0.0.0:8080 --issuer https://id.example --algorithm RS256
  tessera init issuer --pkcs11-module /usr/lib/softhsm/libsofthsm2.so --pkcs11-token tessera --pkcs11-pin-file pin")]
pub(crate) struct Init {
    /// The folder to make it in
    pub(crate) dir: PathBuf,
    /// Where it will listen; port 0 takes a free one each time
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Its issuer identifier (https), by which others reach it; not needed on loopback
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<IssuerId>,
    /// What its keys sign with: ES256, RS256, PS256, ES384 or EdDSA
    #[arg(long, default_value = "ES256")]
    pub(crate) algorithm: Algorithm,
    #[command(flatten)]
    pub(crate) pkcs11: Option<InitPkcs11>,
}

/// The PKCS #11 token in which the first keys are made. More can be said in the configuration.
#[derive(Debug, Args)]
pub(crate) struct InitPkcs11 {
    /// Make the signing keys in a PKCS #11 token: the module's library, an absolute path
    #[arg(long = "pkcs11-module", value_name = "FILE", required = false, requires_all = ["token", "pin_file"])]
    pub(crate) module: PathBuf,
    /// The label of the token
    #[arg(long = "pkcs11-token", value_name = "LABEL", required = false, requires = "module")]
    pub(crate) token: String,
    /// A file with the PIN of the token's user, that only its owner may read
    #[arg(long = "pkcs11-pin-file", value_name = "FILE", required = false, requires = "module")]
    pub(crate) pin_file: PathBuf,
}

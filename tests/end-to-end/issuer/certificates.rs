//! Certificates for one test: an authority, the server's, and two clients', one of them self-signed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

/// The name in the certificate of the client whose authority is known.
pub(super) const CLIENT_DNS: &str = "billing.shop.example";

/// Files in PEM.
#[derive(Debug)]
pub(super) struct Certificates {
    /// Who signed the server's and the client's.
    pub(super) authority: PathBuf,
    pub(super) server: Pair,
    /// Signed by the authority, for [`CLIENT_DNS`].
    pub(super) client: Pair,
    /// Signed by nobody else.
    pub(super) self_signed: Pair,
}

/// A certificate and its private key.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Certificates {
    /// Makes them all, in a folder.
    pub(super) fn make(folder: &Path) -> Self {
        let mut params = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let authority = write(folder, "authority.pem", "CERTIFICATE", certificate.der());
        let issuer = Issuer::new(params, key);
        let signed = |name: &str, names: &[SanType]| {
            let (params, key) = leaf(name, names);
            Pair::write(folder, name, params.signed_by(&key, &issuer).unwrap().der(), &key)
        };
        let loopback = SanType::IpAddress([127, 0, 0, 1].into());
        let server = signed("server", &[loopback]);
        let client = signed("client", &[dns(CLIENT_DNS)]);
        let (params, key) = leaf("self-signed", &[dns("reports.shop.example")]);
        let alone = params.self_signed(&key).unwrap();
        let self_signed = Pair::write(folder, "self-signed", alone.der(), &key);
        Self { authority, server, client, self_signed }
    }
}

impl Pair {
    fn write(folder: &Path, name: &str, certificate: &[u8], key: &KeyPair) -> Self {
        Self {
            certificate: write(folder, &format!("{name}.pem"), "CERTIFICATE", certificate),
            key: write(folder, &format!("{name}.key"), "PRIVATE KEY", &key.serialize_der()),
        }
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// With a subject of its own: rcgen gives everything the same, and what its issuer is called like is self-signed.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn leaf(name: &str, names: &[SanType]) -> (CertificateParams, KeyPair) {
    let mut params = named(name);
    params.subject_alt_names = names.to_vec();
    (params, KeyPair::generate().unwrap())
}

/// RFC 7468 §2.
fn write(folder: &Path, name: &str, label: &str, der: &[u8]) -> PathBuf {
    let encoded = STANDARD.encode(der);
    let lines: String = encoded
        .as_bytes()
        .chunks(64)
        .flat_map(|line| [line, b"\n"])
        .flatten()
        .map(|&b| char::from(b))
        .collect();
    let file = folder.join(name);
    fs::write(&file, format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")).unwrap();
    file
}

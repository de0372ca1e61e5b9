//! A certificate for the issuer's TLS listener, and clients that trust nothing else.

use std::{fs, io, net::TcpListener, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::{
    error::{BenchError, refused},
    load::Target,
};

/// The name in the certificate.
pub(crate) const NAME: &str = "localhost";

/// Adds a TLS listener to the configuration in `folder`; returns where it will be, once the issuer serves.
pub(crate) fn add_listener(folder: &Path, configuration: &Path) -> Result<Target, BenchError> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).map_err(|_| BenchError::Key)?;
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    // Free until the issuer takes it, a moment later: it says only of its first listener where that is.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = address.map_err(refused("find a free port"))?;
    let written = || -> io::Result<()> {
        fs::write(&certificate, pem("CERTIFICATE", cert.der()))?;
        fs::write(&key, pem("PRIVATE KEY", signing_key.serialized_der()))?;
        // Quoted as TOML quotes text.
        let [certificate, key] = [certificate, key].map(|path| path.display().to_string());
        let tls = format!("\n[tls]\nlisten = \"{address}\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
        fs::write(configuration, fs::read_to_string(configuration)? + &tls)
    };
    written().map_err(refused("write the files of the TLS listener"))?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).map_err(|_| BenchError::Key)?;
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Target { address, tls: Some(Arc::new(tls)) })
}

/// RFC 7468, on one long line, which every reader takes.
fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

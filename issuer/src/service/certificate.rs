//! Clients that prove themselves with the certificate of their TLS connection (RFC 8705 §2). The handshake has proved
//! that they have its key; what it is worth is decided here, against what is registered.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use tessera_listener::tls::PeerCertificate;

use crate::domain::{
    Authenticated, AuthenticationFailure, CertificateMatch, CredentialKind, Directory, Method, UnixTime,
};

/// Starts a SPIFFE ID.
const SPIFFE: &str = "spiffe://";

/// Why a certificate does not prove a client. For the log: the answer never tells these apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The client is not one, or not one that gets tokens.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The client proves itself in other ways only.
    #[error("the client has no certificate")]
    NoCertificate,
    /// None of the client's registrations means this certificate.
    #[error("the certificate is not the client's")]
    Other,
    /// It has the registered name, but nobody says that the name is its own (RFC 8705 §2.1).
    #[error("the certificate has the client's name, but is not trusted: {reason}")]
    Untrusted {
        /// Why its chain does not lead to the operator's CA.
        reason: String,
    },
    /// It is the client's, but its time has not come.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// It is the client's, but its time is over.
    #[error("the certificate has expired")]
    Expired,
}

impl CertificateError {
    /// Whether there is no certificate to compare with, so that the one shown need not be meant for it.
    pub(super) const fn is_no_credential(&self) -> bool {
        matches!(self, Self::NoCertificate | Self::Client(AuthenticationFailure::UnknownClient))
    }
}

/// Finds the client's registration that means `certificate`, at `now`.
pub(super) fn authenticate(
    directory: &Directory,
    client: &str,
    certificate: &PeerCertificate,
    now: UnixTime,
) -> Result<Authenticated, CertificateError> {
    let client = directory.client(client).ok_or(AuthenticationFailure::UnknownClient)?;
    let mut refused = CertificateError::NoCertificate;
    for credential in &client.credentials {
        let CredentialKind::Certificate(registered) = &credential.kind else { continue };
        match judge(registered, certificate, now)
            .and_then(|method| Ok(Authenticated::by(directory, credential, method, now)?))
        {
            Ok(authenticated) => return Ok(authenticated),
            // What means this certificate says more about what is wrong than what means another one.
            Err(CertificateError::Other) if refused != CertificateError::NoCertificate => {}
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// By which method the certificate fulfils one registration.
fn judge(
    registered: &CertificateMatch,
    certificate: &PeerCertificate,
    now: UnixTime,
) -> Result<Method, CertificateError> {
    let (named, method) = match registered {
        CertificateMatch::SubjectDn(name) => (certificate.subject == name.as_str(), Method::Tls),
        // Host names have no case (RFC 4343). No wildcard is expanded: a client is one host.
        CertificateMatch::SanDns(name) => {
            (certificate.san_dns.iter().any(|own| own.eq_ignore_ascii_case(name.as_str())), Method::Tls)
        }
        // Of SPIFFE IDs a certificate has one (X.509-SVID §2).
        CertificateMatch::SanUri(name) if name.as_str().starts_with(SPIFFE) => {
            (matches!(&*certificate.san_uri, [only] if only == name.as_str()), Method::Tls)
        }
        CertificateMatch::SanUri(name) => {
            (certificate.san_uri.iter().any(|own| own == name.as_str()), Method::Tls)
        }
        CertificateMatch::SanIp(address) => (certificate.san_ip.contains(address), Method::Tls),
        CertificateMatch::SanEmail(name) => {
            (certificate.san_email.iter().any(|own| own == name.as_str()), Method::Tls)
        }
        CertificateMatch::Thumbprint(thumbprint) => {
            let same = verify_slices_are_equal(thumbprint.as_bytes(), &certificate.sha256).is_ok();
            (same, Method::SelfSignedTls)
        }
    };
    if !named {
        return Err(CertificateError::Other);
    }
    // A name is worth what its issuer is worth; a thumbprint speaks for itself (RFC 8705 §2.2).
    if let (Method::Tls, Err(reason)) = (method, &certificate.chain) {
        return Err(CertificateError::Untrusted { reason: reason.to_string() });
    }
    // The connection may have been open since before either moment.
    if now.as_seconds() < certificate.not_before {
        return Err(CertificateError::NotYetValid);
    }
    if now.as_seconds() > certificate.not_after {
        return Err(CertificateError::Expired);
    }
    Ok(method)
}

#[cfg(test)]
mod tests;

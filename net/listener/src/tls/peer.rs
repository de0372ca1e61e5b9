//! A client's certificate, read.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{self, Decode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::subject;

/// The largest certificate of a client that is read [bytes]. One with an RSA key of 4,096 bits and a few names has
/// about 2,000.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// The most names in a certificate of a client. Public authorities put up to 100 into a server's; a client has one.
const NAMES_MAX: usize = 100;

/// The certificate that a client showed in the handshake, and proved to have the key of. A request extension, as an
/// `Arc`; absent where the client showed none.
#[derive(Clone, PartialEq)]
pub struct PeerCertificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// SHA-256 of `der`: `x5t#S256` of RFC 8705 §3.1, before base64url.
    pub sha256: [u8; 32],
    /// Whether the chain led to one of `client_ca` when the connection began, with every certificate within its time
    /// and for clients; if not, the reason. A connection can outlive the certificate: compare `not_after` with the time
    /// of each request.
    pub chain: Result<(), ChainError>,
    /// From when it is valid [seconds since 1970].
    pub not_before: u64,
    /// Until when it is valid, this second included [seconds since 1970].
    pub not_after: u64,
    /// The subject as RFC 4514 writes it, last part first: `CN=billing,O=Shop`. Attribute types that RFC 4514 §3 has no
    /// short name for are written as §2.4 has it, `1.2.840.113549.1.9.1=#160d…`. Empty if it is.
    pub subject: String,
    /// Subject alternative names that are DNS names, as they are spelled there.
    pub san_dns: Vec<String>,
    /// Subject alternative names that are URIs, SPIFFE IDs among them.
    pub san_uri: Vec<String>,
    /// Subject alternative names that are IP addresses.
    pub san_ip: Vec<IpAddr>,
    /// Subject alternative names that are mail addresses.
    pub san_email: Vec<String>,
}

/// Why no authority vouches for a certificate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// The listener has no authorities, so no chain leads to one.
    #[error("no client_ca is configured")]
    NoAuthority,
    /// The chain does not lead to an authority, or a certificate of it is out of its time or for another purpose.
    #[error("{0}")]
    Refused(rustls::Error),
}

/// Why a certificate is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PeerError {
    #[error("it is larger than {CERTIFICATE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it has more than {NAMES_MAX} names")]
    TooManyNames,
    #[error("it is no X.509 certificate: {0}")]
    Syntax(#[from] der::Error),
    #[error("a name in it is no IP address")]
    IpAddress,
}

/// Reads a certificate, of whose chain is known what `chain` says.
pub(super) fn read(
    certificate: &CertificateDer<'_>,
    chain: Result<(), ChainError>,
) -> Result<PeerCertificate, PeerError> {
    if certificate.len() > CERTIFICATE_BYTES_MAX {
        return Err(PeerError::TooLarge);
    }
    let parsed = Certificate::from_der(certificate)?;
    let tbs = parsed.tbs_certificate();
    let mut hash = Context::new(&SHA256);
    hash.update(certificate);
    let mut peer = PeerCertificate {
        der: certificate.to_vec(),
        sha256: super::digest(hash),
        chain,
        not_before: tbs.validity().not_before.to_unix_duration().as_secs(),
        not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
        subject: subject::text(tbs.subject())?,
        san_dns: Vec::new(),
        san_uri: Vec::new(),
        san_ip: Vec::new(),
        san_email: Vec::new(),
    };
    if let Some((_critical, SubjectAltName(names))) = tbs.get_extension::<SubjectAltName>()? {
        if names.len() > NAMES_MAX {
            return Err(PeerError::TooManyNames);
        }
        for name in names {
            peer.take(name)?;
        }
    }
    Ok(peer)
}

impl PeerCertificate {
    fn take(&mut self, name: GeneralName) -> Result<(), PeerError> {
        match name {
            GeneralName::DnsName(name) => self.san_dns.push(name.to_string()),
            GeneralName::UniformResourceIdentifier(name) => self.san_uri.push(name.to_string()),
            GeneralName::Rfc822Name(name) => self.san_email.push(name.to_string()),
            GeneralName::IpAddress(octets) => self.san_ip.push(address(octets.as_bytes())?),
            // No client is registered by any of these (RFC 8705 §2.1.2).
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::RegisteredId(_) => {}
        }
        Ok(())
    }
}

/// Four octets or sixteen (RFC 5280 §4.2.1.6).
fn address(octets: &[u8]) -> Result<IpAddr, PeerError> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Ok(octets.into());
    }
    <[u8; 16]>::try_from(octets).map(IpAddr::from).map_err(|_| PeerError::IpAddress)
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("subject", &self.subject)
            .field("chain", &self.chain)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

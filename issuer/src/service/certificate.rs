//! Clients that prove themselves with the certificate of their TLS connection (RFC 8705 §2).

/// What a client showed in the TLS handshake, where it also proved that it has the key.
#[derive(Debug)]
pub struct PeerCertificate {}

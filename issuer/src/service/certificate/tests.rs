use tessera_listener::tls::ChainError;

use super::*;
use crate::domain::{Credential, RegisteredText, Thumbprint};
use crate::testing::{NOW, credential, snapshot};

const DAY: u64 = 24 * 60 * 60;

fn certificate() -> PeerCertificate {
    PeerCertificate {
        der: vec![0x30],
        sha256: [1; 32],
        chain: Ok(()),
        not_before: NOW.as_seconds() - DAY,
        not_after: NOW.as_seconds() + DAY,
        subject: "CN=shop,O=Example".to_owned(),
        san_dns: vec!["shop.example".to_owned(), "*.shop.example".to_owned()],
        san_uri: vec!["spiffe://example/shop".to_owned()],
        san_ip: vec!["10.0.0.1".parse().unwrap()],
        san_email: vec!["shop@example.com".to_owned()],
    }
}

fn registered(registered: CertificateMatch) -> Credential {
    credential("shop", CredentialKind::Certificate(registered))
}

fn names() -> [CertificateMatch; 5] {
    [
        CertificateMatch::SubjectDn(text("CN=shop,O=Example")),
        CertificateMatch::SanDns(text("Shop.example")),
        CertificateMatch::SanUri(text("spiffe://example/shop")),
        CertificateMatch::SanIp("10.0.0.1".parse().unwrap()),
        CertificateMatch::SanEmail(text("shop@example.com")),
    ]
}

fn check(
    credentials: Vec<Credential>,
    certificate: &PeerCertificate,
    now: UnixTime,
) -> Result<Method, CertificateError> {
    let directory = snapshot(1, credentials).directory;
    authenticate(&directory, "shop", certificate, now).map(|client| client.method())
}

#[test]
fn a_certificate_of_the_ca_proves_the_client_by_each_kind_of_name() {
    for name in names() {
        let proved = check(vec![registered(name.clone())], &certificate(), NOW);
        assert_eq!(proved, Ok(Method::Tls), "{name:?}");
        // RFC 8705 §2.1: the name counts only under the CA.
        let stranger = PeerCertificate { chain: Err(ChainError::NoAuthority), ..certificate() };
        let untrusted = CertificateError::Untrusted { reason: ChainError::NoAuthority.to_string() };
        assert_eq!(check(vec![registered(name.clone())], &stranger, NOW), Err(untrusted), "{name:?}");
    }
}

#[test]
fn exactly_the_registered_name_counts() {
    for name in [
        CertificateMatch::SubjectDn(text("CN=shop")),
        CertificateMatch::SubjectDn(text("cn=shop,o=Example")),
        CertificateMatch::SanDns(text("a.shop.example")),
        CertificateMatch::SanDns(text("example")),
        CertificateMatch::SanUri(text("spiffe://example/shop/x")),
        CertificateMatch::SanUri(text("spiffe://example/Shop")),
        CertificateMatch::SanIp("10.0.0.2".parse().unwrap()),
        CertificateMatch::SanEmail(text("Shop@example.com")),
        // A name of one kind is none of another.
        CertificateMatch::SanDns(text("shop@example.com")),
        CertificateMatch::SanUri(text("shop.example")),
        CertificateMatch::Thumbprint(Thumbprint::new([2; 32])),
    ] {
        let refused = check(vec![registered(name.clone())], &certificate(), NOW);
        assert_eq!(refused, Err(CertificateError::Other), "{name:?}");
    }
}

#[test]
fn a_certificate_with_two_uris_is_no_svid() {
    let mut two = certificate();
    two.san_uri.push("spiffe://example/other".to_owned());
    let spiffe = registered(CertificateMatch::SanUri(text("spiffe://example/shop")));
    assert_eq!(check(vec![spiffe], &two, NOW), Err(CertificateError::Other));
    two.san_uri.push("https://shop.example/".to_owned());
    let plain = registered(CertificateMatch::SanUri(text("https://shop.example/")));
    assert_eq!(check(vec![plain], &two, NOW), Ok(Method::Tls));
}

#[test]
fn a_registered_certificate_needs_no_ca() {
    let own = || vec![registered(CertificateMatch::Thumbprint(Thumbprint::new([1; 32])))];
    let stranger = PeerCertificate { chain: Err(ChainError::NoAuthority), ..certificate() };
    assert_eq!(check(own(), &stranger, NOW), Ok(Method::SelfSignedTls));
    let other = PeerCertificate { sha256: [3; 32], ..stranger };
    assert_eq!(check(own(), &other, NOW), Err(CertificateError::Other));
}

#[test]
fn a_certificate_counts_within_its_time_though_the_connection_lives_on() {
    let thumbprint = CertificateMatch::Thumbprint(Thumbprint::new([1; 32]));
    for registration in names().into_iter().chain([thumbprint]) {
        let at = |seconds| {
            check(vec![registered(registration.clone())], &certificate(), UnixTime::from_seconds(seconds))
        };
        let (from, until) = (NOW.as_seconds() - DAY, NOW.as_seconds() + DAY);
        assert_eq!(at(from - 1), Err(CertificateError::NotYetValid), "{registration:?}");
        assert!(at(from).is_ok() && at(until).is_ok(), "{registration:?}");
        assert_eq!(at(until + 1), Err(CertificateError::Expired), "{registration:?}");
    }
}

#[test]
fn the_client_and_the_registration_have_to_be_good() {
    let [name, ..] = names();
    let expired = Credential { expires_at: Some(NOW), ..registered(name.clone()) };
    let expiry = CertificateError::Client(AuthenticationFailure::Expired);
    assert_eq!(check(vec![expired.clone()], &certificate(), NOW), Err(expiry));
    assert_eq!(check(vec![expired, registered(name.clone())], &certificate(), NOW), Ok(Method::Tls));
    let other = credential("mail", CredentialKind::Certificate(name));
    let unknown = CertificateError::Client(AuthenticationFailure::UnknownClient);
    assert_eq!(check(vec![other], &certificate(), NOW), Err(unknown));
    let secret = crate::testing::secret_of("shop");
    assert_eq!(check(vec![secret], &certificate(), NOW), Err(CertificateError::NoCertificate));
}

#[test]
fn the_log_learns_of_the_registration_that_came_closest() {
    let [dn, ..] = names();
    let far = || registered(CertificateMatch::SanDns(text("elsewhere.example")));
    let stranger = PeerCertificate { chain: Err(ChainError::NoAuthority), ..certificate() };
    let untrusted = CertificateError::Untrusted { reason: ChainError::NoAuthority.to_string() };
    for order in [vec![far(), registered(dn.clone())], vec![registered(dn), far()]] {
        assert_eq!(check(order, &stranger, NOW), Err(untrusted.clone()));
    }
}

fn text(name: &str) -> RegisteredText {
    RegisteredText::new("name", name).unwrap()
}

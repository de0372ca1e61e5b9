//! A cluster whose API server has a certificate of its own authority, and shows its keys to accounts alone.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tessera_fetch::{Addresses, Origin, OriginAccess, PlainHttp};
use tessera_listener::tls::{ServerTls, TlsFiles};
use tessera_listener::{Limits, Listener, TowerToHyperService};
use warp::http::StatusCode;
use warp::{Filter as _, Reply as _};

use super::*;
use crate::service::AssertionError;

struct Cluster {
    issuer: String,
    platform: Platform,
    ca: PathBuf,
    bearer: PathBuf,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Its metadata and its key set, as the API server has them, over TLS and for one token.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ca, tls) = certificates(folder.path());
        let bearer = folder.path().join("token");
        std::fs::write(&bearer, "reviewer").unwrap();
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let issuer = format!("https://{}", listener.local_addr());
        let platform = Platform::new("k");
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let jwks = platform.jwks();
        let routes = warp::path::full().and(warp::header::optional::<String>("authorization")).map(
            move |path: warp::path::FullPath, token: Option<String>| match (token.as_deref(), path.as_str()) {
                (Some("Bearer reviewer"), "/.well-known/openid-configuration") => {
                    metadata.to_string().into_response()
                }
                (Some("Bearer reviewer"), "/openid/v1/jwks") => jwks.clone().into_response(),
                _ => StatusCode::UNAUTHORIZED.into_response(),
            },
        );
        let service = TowerToHyperService::new(warp::service(routes));
        let listener = listener.with_tls(ServerTls::load(tls).unwrap());
        tokio::spawn(listener.serve(service, Limits::default(), std::future::pending::<()>()));
        Self { issuer, platform, ca, bearer, folder }
    }

    /// What comes of the pod's token at an issuer that may fetch from the cluster with these settings.
    async fn judge(&self, ca: Option<&Path>, bearer: Option<&Path>) -> Result<(), AssertionError> {
        let parameters = [("namespace", "shop"), ("service-account", "billing"), ("issuer", &*self.issuer)];
        let registration = made("kubernetes", &parameters).unwrap();
        assert_eq!(registration.keys, KeySource::Discovery);
        let state = snapshot(1, vec![credential("shop", CredentialKind::Workload(registration))]);
        let origins = vec![OriginAccess {
            origin: Origin::parse(&self.issuer, PlainHttp::Never).unwrap(),
            ca: ca.map(Path::to_owned),
            bearer: bearer.map(Path::to_owned),
            allowed: vec!["127.0.0.1/32".parse().unwrap()],
        }];
        let addresses = Addresses::Public { allowed: Vec::new() };
        let fetcher = Fetcher::new(FetchOptions { origins, addresses, ..FetchOptions::default() }).unwrap();
        let issuer = OURS.parse().unwrap();
        let endpoints = crate::http::endpoints(&issuer);
        let assertions =
            Assertions::new(&issuer, &endpoints, fetcher, false, crate::store::ReplayGuard::unavailable());
        let assertion = self.platform.sign(&changed(&tokens::kubernetes(), &["iss"], &json!(self.issuer)));
        assertions.authenticate(&state, &assertion, AssertionUse::Grant, None, || NOW).await.map(drop)
    }
}

#[tokio::test]
async fn keys_of_a_cluster_are_fetched_with_its_authority_and_a_token() {
    let cluster = Cluster::start();
    cluster.judge(Some(&cluster.ca), Some(&cluster.bearer)).await.unwrap();
    let other = cluster.folder.path().join("other");
    std::fs::write(&other, "somebody").unwrap();
    let (ca, bearer) = (Some(&*cluster.ca), Some(&*cluster.bearer));
    for (ca, bearer) in [(None, bearer), (ca, None), (ca, Some(&*other))] {
        let refused = cluster.judge(ca, bearer).await.unwrap_err();
        assert!(matches!(refused, AssertionError::KeysUnavailable { .. }), "{refused:?}");
    }
}

/// The authority's certificate, and the server's files.
fn certificates(folder: &Path) -> (PathBuf, TlsFiles) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = write(folder, "ca.pem", "CERTIFICATE", params.self_signed(&key).unwrap().der());
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate =
        write(folder, "server.pem", "CERTIFICATE", params.signed_by(&key, &issuer).unwrap().der());
    let key = write(folder, "server.key", "PRIVATE KEY", &key.serialize_der());
    (ca, TlsFiles { certificate, key, client_ca: None })
}

/// RFC 7468 §2.
fn write(folder: &Path, name: &str, label: &str, der: &[u8]) -> PathBuf {
    let file = folder.join(name);
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    std::fs::write(&file, text).unwrap();
    file
}

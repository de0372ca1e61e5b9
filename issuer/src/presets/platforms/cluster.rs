//! Clusters: Kubernetes service accounts and SPIFFE.

use tessera_verifier::{SpiffeId, is_trust_domain};

use crate::domain::Profile;
use crate::presets::parameters::{Parameters, PresetError};
use crate::presets::{Draft, Preset, equals, matches, nested, optional, required};

/// Tokens of the `TokenRequest` API, as a projected volume has them. The default life of one is an hour; the kubelet asks
/// for what the pod says, and many clusters stop at a day.
pub(super) const KUBERNETES: Preset = Preset {
    name: "kubernetes",
    about: "a Kubernetes service account, by its bound token (projected volume); also EKS, AKS and GKE",
    parameters: &[
        required("namespace", "the service account's namespace"),
        required("service-account", "its name"),
        required("issuer", "the cluster's service account issuer (--service-account-issuer)"),
        optional(
            "service-account-uid",
            "its UID: an account of the same name made later is another one then",
        ),
    ],
    build: kubernetes,
};

/// JWT-SVIDs, which SPIRE hands out for five minutes unless told otherwise.
pub(super) const SPIFFE: Preset = Preset {
    name: "spiffe",
    about: "a SPIFFE workload, by its JWT-SVID; jwks-uri is the bundle endpoint of the trust domain",
    parameters: &[
        required("trust-domain", "the name of the trust domain, without spiffe://"),
        required(
            "path",
            "the path of the SPIFFE ID, from its first slash on; `*` stands for (part of) one segment",
        ),
    ],
    build: spiffe,
};

fn kubernetes(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let label = "expected a name: lower-case letters, digits and dashes";
    let namespace = parameters.checked("namespace", is_label, label)?;
    let account = parameters.checked("service-account", is_subdomain, label)?;
    let mut conditions = vec![
        equals("sub", &format!("system:serviceaccount:{namespace}:{account}")),
        // Tokens of old, from a Secret, never expire and have none of these.
        nested(&["kubernetes.io", "namespace"], namespace),
        nested(&["kubernetes.io", "serviceaccount", "name"], account),
    ];
    if let Some(uid) =
        parameters.checked_if_given("service-account-uid", super::is_plain, "it is no pattern")?
    {
        conditions.push(nested(&["kubernetes.io", "serviceaccount", "uid"], uid));
    }
    let issuer = parameters.issuer(None)?.to_owned();
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 86_400 })
}

/// RFC 1123 label.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_subdomain(text)
}

/// RFC 1123 subdomain.
fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

fn spiffe(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let issuer = format!("spiffe://{}", parameters.required("trust-domain")?);
    if !is_trust_domain(&issuer) {
        let problem = "expected lower-case letters, digits, dots, dashes and underscores";
        return Err(parameters.wrong("trust-domain", problem));
    }
    let path = parameters.required("path")?;
    let id = format!("{issuer}{path}");
    // A star stands for characters of a segment.
    if path.contains("**")
        || !super::has_more_than_stars(path)
        || SpiffeId::parse(&id.replace('*', "x")).is_none()
    {
        let problem = "expected /segment/segment, each of letters, digits, dots, dashes and underscores, or with single stars";
        return Err(parameters.wrong("path", problem));
    }
    Ok(Draft { issuer, conditions: vec![matches("sub", &id)], profile: Profile::JwtSvid, max_lifetime: 3600 })
}

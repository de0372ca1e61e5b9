//! Who asks for what: requests as they are written to the connection.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::error::BenchError;

/// The scope of every request, which every grant has.
pub(crate) const SCOPE: &str = "read";
/// The issuer of the tokens that a platform gives to workloads.
pub(crate) const PLATFORM: &str = "https://platform.example";

/// The form of `client_assertion_type` for JWTs (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
/// The grant type of RFC 7523 §2.1.
const GRANT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
/// How long assertions last, in seconds: longer than a run, and less than what is allowed.
const ASSERTION_LIFETIME: u64 = 3000;

/// Clients, and how many others each may call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) clients: u32,
    pub(crate) grants: u32,
}

/// Requests to be written.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) population: Population,
    pub(crate) count: u32,
    pub(crate) proof: Proof<'a>,
    pub(crate) dialect: Dialect,
}

/// What proves a client.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// `client_secret_post` (RFC 6749 §2.3.1).
    Post(&'a str),
    /// `client_secret_basic`.
    Basic(&'a str),
    /// `private_key_jwt`, for this audience.
    OwnKey(&'a Key, &'a str),
    /// The token of a platform as the grant, for this audience.
    Platform(&'a Key, &'a str),
}

/// What a client says whom its token is for.
#[derive(Clone, Copy)]
pub(crate) enum Dialect {
    /// `POST /v1/token` and `audience`.
    Tessera,
    /// `POST /token` and `resource`, which has to be a URL.
    OidcProvider,
}

/// A key that assertions are signed with.
pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Population {
    /// The name of a client.
    pub(crate) fn client(number: u32) -> String {
        format!("service-{number}")
    }

    /// The same in SQL, of an expression.
    pub(crate) fn client_sql(number: &str) -> String {
        format!("'service-' || ({number})")
    }

    /// The one that a client may call by its grant of that number, from 1.
    fn audience(self, client: u32, grant: u32) -> u32 {
        (client + grant) % self.clients
    }

    pub(crate) fn audience_sql(self, client: &str, grant: &str) -> String {
        Self::client_sql(&format!("({client} + {grant}) % {}", self.clients))
    }
}

impl Order<'_> {
    /// The requests: of clients all over the population, for all of their grants.
    pub(crate) fn write(&self) -> Result<Vec<Vec<u8>>, BenchError> {
        // No two in a row are neighbours: a prime steps through all of them.
        const STEP: u64 = 7919;
        let Population { clients, grants } = self.population;
        (0..self.count)
            .map(|number| {
                let client = u32::try_from(u64::from(number) * STEP % u64::from(clients)).unwrap_or(0);
                let grant = 1 + (number + number / clients) % grants;
                let audience = Population::client(self.population.audience(client, grant));
                written(&Population::client(client), &audience, number, self.proof, self.dialect)
            })
            .collect()
    }
}

/// A request, with what a client of ordinary politeness sends.
fn written(
    client: &str,
    audience: &str,
    number: u32,
    proof: Proof<'_>,
    dialect: Dialect,
) -> Result<Vec<u8>, BenchError> {
    let (path, target) = match dialect {
        Dialect::Tessera => ("/v1/token", format!("audience={audience}")),
        Dialect::OidcProvider => ("/token", format!("resource=https%3A%2F%2F{audience}.example")),
    };
    let mut authorization = String::new();
    let (grant, proved) = match proof {
        Proof::Post(secret) => ("client_credentials", format!("client_id={client}&client_secret={secret}&")),
        Proof::Basic(secret) => {
            let both = STANDARD.encode(format!("{client}:{secret}"));
            authorization = format!("authorization: Basic {both}\r\n");
            ("client_credentials", String::new())
        }
        Proof::OwnKey(key, issuer) => {
            let assertion = key.assertion(client, client, issuer, number)?;
            let proved = format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}&");
            ("client_credentials", proved)
        }
        Proof::Platform(key, issuer) => {
            let assertion = key.assertion(PLATFORM, &subject(client), issuer, number)?;
            (GRANT_TYPE, format!("assertion={assertion}&"))
        }
    };
    let body = format!("grant_type={grant}&{proved}{target}&scope={SCOPE}");
    Ok(format!(
        "POST {path} HTTP/1.1\r\nhost: id.example\r\naccept: application/json\r\nuser-agent: bench-issuer\r\n\
         {authorization}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// How the platform calls the workload that is a client.
pub(crate) fn subject(client: &str) -> String {
    format!("workload:{client}")
}

impl Key {
    pub(crate) fn es256() -> Result<Self, BenchError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256).map_err(|_| BenchError::Key)
    }

    pub(crate) fn rs256() -> Result<Self, BenchError> {
        RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256).map_err(|_| BenchError::Key)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    /// The public half as a key set (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> Value {
        let common = json!({ "alg": self.algorithm(), "use": "sig", "kid": "bench" });
        let parameters = match self {
            Self::Es256(pair) => {
                // SEC 1 §2.3.3, uncompressed: 0x04, then both coordinates.
                let (_, point) = pair.public_key().as_ref().split_at(1);
                let (x, y) = point.split_at(point.len() / 2);
                let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Self::Rs256(pair) => {
                let public = pair.public_key();
                let [n, e] = [public.modulus(), public.exponent()]
                    .map(|number| URL_SAFE_NO_PAD.encode(number.big_endian_without_leading_zero()));
                json!({ "kty": "RSA", "n": n, "e": e })
            }
        };
        json!({ "keys": [joined(common, parameters)] })
    }

    /// A JWT of `issuer` about `subject`, of the number's own (RFC 7523 §3).
    fn assertion(
        &self,
        issuer: &str,
        subject: &str,
        audience: &str,
        number: u32,
    ) -> Result<String, BenchError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": "bench" });
        let claims = json!({
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": now.as_secs(),
            "exp": now.as_secs() + ASSERTION_LIFETIME,
            "jti": format!("{}-{number}", now.as_nanos()),
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())?);
        Ok(format!("{signed}.{signature}"))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BenchError> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| BenchError::Key)
    }
}

/// An object with the members of both.
pub(crate) fn joined(one: Value, other: Value) -> Value {
    let members = |value| if let Value::Object(members) = value { members } else { serde_json::Map::new() };
    members(one).into_iter().chain(members(other)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn requests_are_for_what_is_granted_and_spread_over_all() {
        let population = Population { clients: 50, grants: 5 };
        let order = Order { population, count: 250, proof: Proof::Post("s"), dialect: Dialect::Tessera };
        let requests = order.write().unwrap();
        let bodies: HashSet<String> = requests
            .iter()
            .map(|request| String::from_utf8_lossy(request).rsplit("\r\n").next().unwrap().to_owned())
            .collect();
        assert_eq!(bodies.len(), 250, "each client with each of its grants");
        assert!(bodies.contains(
            "grant_type=client_credentials&client_id=service-49&client_secret=s&audience=service-0&scope=read"
        ));
    }

    #[test]
    fn a_body_is_as_long_as_its_header_says() {
        let request = written("a", "b", 0, Proof::Basic("s"), Dialect::OidcProvider).unwrap();
        let request = String::from_utf8(request).unwrap();
        let (header, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "grant_type=client_credentials&resource=https%3A%2F%2Fb.example&scope=read");
        assert!(header.starts_with("POST /token HTTP/1.1\r\n"), "{header}");
        assert!(header.contains("\r\nauthorization: Basic YTpz\r\n"), "{header}");
        assert!(header.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{header}");
    }
}

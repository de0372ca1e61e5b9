//! Tokens whose issuer can take them back: what their status lists do to a decision.

use super::*;
use miniz_oxide::deflate::compress_to_vec_zlib;

use crate::status::ListFault;

mod fetching;
mod simulation;
mod tokens;

const LISTS: &str = "https://issuer.example/v1/status/";

/// An issuer with status lists, and a verifier that asks for them.
struct Scene {
    signer: Signer,
    verifier: Verifier,
}

/// A status list token, as a list has it that says 1 about the indices 1, 2 about 2 and so on, of four bits.
struct List {
    uri: String,
    header: Json,
    claims: Json,
}

impl List {
    fn of(uri: &str) -> Self {
        Self::with(uri, 4, &[0x10, 0x32])
    }

    fn with(uri: &str, bits: u32, bytes: &[u8]) -> Self {
        let list = encode(compress_to_vec_zlib(bytes, 9));
        let claims = json!({
            "iss": ISSUER, "sub": uri, "iat": testing::NOW, "exp": testing::NOW + 60, "ttl": 10,
            "status_list": { "bits": bits, "lst": list },
        });
        Self {
            uri: uri.into(),
            header: json!({ "alg": "EdDSA", "kid": "k", "typ": "statuslist+jwt" }),
            claims,
        }
    }

    /// Issued some seconds later.
    fn at(mut self, offset: u64) -> Self {
        self.claims["iat"] = (testing::NOW + offset).into();
        self.claims["exp"] = (testing::NOW + offset + 60).into();
        self
    }

    fn claim(mut self, name: &str, value: Json) -> Self {
        self.claims[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn header(mut self, name: &str, value: Json) -> Self {
        self.header[name] = value;
        self
    }

    fn signed(&self, signer: &Signer) -> String {
        signer.token(&self.header.to_string(), &self.claims.to_string())
    }
}

impl Scene {
    fn new(status: &Json) -> Self {
        let signer = Signer::ed25519();
        let mut rules = json!({ "lists": LISTS });
        for (name, value) in status.as_object().unwrap() {
            rules[name] = value.clone();
        }
        let verifier = verifier(&[signer.jwk("k")], &json!({ "status": rules }));
        Self { signer, verifier }
    }

    /// A token whose status is at an index of a list.
    fn token(&self, list: &str, index: u64) -> String {
        let status = json!({ "status_list": { "idx": index, "uri": format!("{LISTS}{list}") } });
        self.signer.access_token("k", &[("status", &status.to_string())])
    }

    fn supply(&mut self, list: &List, now: i64) -> Result<(), DocumentError> {
        self.supply_text(&list.uri, &list.signed(&self.signer), now)
    }

    fn supply_text(&mut self, uri: &str, text: &str, now: i64) -> Result<(), DocumentError> {
        let skipped = self.verifier.supply(id_of(uri), text, "max-age=10", at(now))?;
        assert_eq!(skipped, []);
        Ok(())
    }

    /// What a request that waits for nothing meets.
    fn conclude(&mut self, token: &str, now: i64) -> Result<(), Error> {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        let request = Request { method: "GET", host: "h", target: "/", headers: &headers };
        match testing::authorize(&mut self.verifier, &request, at(now)) {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(rejection) => Err(rejection.error().clone()),
            other @ Decision::Respond(_) => panic!("{other:?}"),
        }
    }

    /// What a request needs that does wait; nothing, if it is decided.
    fn needs(&mut self, token: &str, now: i64) -> Option<Vec<String>> {
        match authenticate(&mut self.verifier, token, at(now)) {
            Step::Done(_) => None,
            step => Some(fetches(step).into_iter().map(|fetch| fetch.url).collect()),
        }
    }

    fn due(&mut self, now: i64) -> Vec<String> {
        self.verifier.due_fetches(at(now)).into_iter().map(|fetch| fetch.url).collect()
    }
}

fn url(list: &str) -> String {
    format!("{LISTS}{list}")
}

/// The identifier of a list of the first issuer.
fn id_of(uri: &str) -> DocumentId {
    DocumentId::new(DocumentKind::StatusList, 0, uri)
}

fn unavailable(list: &str) -> Error {
    Error::StatusUnavailable { uri: Excerpt::new(&url(list)) }
}

//! The documents of a policy's issuers, answered from key sets that are at hand.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::judge::{Document, Want};

/// Where a policy expects the documents of its issuers, and what is there.
#[derive(Default)]
pub(super) struct Documents {
    by_url: HashMap<String, String>,
}

/// As much of a policy as it takes to know its documents. What is wrong in it, the verifier has said.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Policy {
    issuers: Vec<Issuer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Issuer {
    #[serde(rename = "issuer")]
    name: String,
    jwks_uri: Option<String>,
    discovery: Option<Value>,
}

impl Documents {
    /// The documents that `policy` (JSON) can want, with these key sets, by issuer. One that publishes its key set
    /// by discovery has it at its own URL and `/jwks`.
    pub(super) fn new(policy: &str, mut key_set: impl FnMut(&str) -> Option<String>) -> Self {
        let mut by_url = HashMap::new();
        let policy: Policy = serde_json::from_str(policy).unwrap_or_default();
        for Issuer { name: issuer, jwks_uri, discovery } in policy.issuers {
            let Some(set) = key_set(&issuer) else { continue };
            if let Some(url) = jwks_uri {
                by_url.insert(url, set);
            } else if let Some(discovery) = discovery {
                let url = match discovery {
                    Value::String(url) => url,
                    _ => format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')),
                };
                let jwks_uri = format!("{issuer}/jwks");
                by_url.insert(url, json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string());
                by_url.insert(jwks_uri, set);
            }
        }
        Self { by_url }
    }

    /// Those, and others by their URLs.
    pub(super) fn with(mut self, others: HashMap<String, String>) -> Self {
        self.by_url.extend(others);
        self
    }

    pub(super) fn get(&self, want: &Want) -> Option<Document> {
        let text = self.by_url.get(&want.url)?.clone();
        Some(Document { text, cache_control: String::new() })
    }
}

/// Whether a policy has keys itself for an issuer.
pub(super) fn has_inline_keys(policy: &str, issuer: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let issuers = policy.get("issuers").and_then(Value::as_array);
    issuers
        .into_iter()
        .flatten()
        .any(|own| own.get("issuer").and_then(Value::as_str) == Some(issuer) && own.get("jwks").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_keys_leads_to_the_issuers_set() {
        let policy = json!({ "issuers": [
            { "issuer": "https://a", "jwks_uri": "https://keys/a" },
            { "issuer": "https://b", "discovery": true },
            { "issuer": "https://c/", "discovery": "https://meta/c" },
            { "issuer": "https://d", "jwks_uri": "https://keys/d" },
        ] });
        let documents = Documents::new(&policy.to_string(), |issuer| {
            (issuer != "https://d").then(|| format!("set of {issuer}"))
        });
        let get = |url: &str| {
            documents.get(&Want { id: String::new(), url: url.to_owned() }).map(|document| document.text)
        };
        assert_eq!(get("https://keys/a").unwrap(), "set of https://a");
        let metadata = get("https://b/.well-known/openid-configuration").unwrap();
        assert_eq!(metadata, r#"{"issuer":"https://b","jwks_uri":"https://b/jwks"}"#);
        assert_eq!(get("https://b/jwks").unwrap(), "set of https://b");
        assert_eq!(get("https://meta/c").unwrap(), r#"{"issuer":"https://c/","jwks_uri":"https://c//jwks"}"#);
        assert_eq!(get("https://c//jwks").unwrap(), "set of https://c/");
        for url in ["https://keys/d", "https://a", "https://elsewhere"] {
            assert_eq!(get(url), None, "{url}");
        }
    }
}

//! Where a provider's keys come from: `RemoteJwks`, and `DataSource` for those that are at hand.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tessera_verifier::limits;

use super::message::Message;
use super::note::Notes;

/// The URL of the keys, and the origin and cluster that they come from.
pub(super) fn remote_jwks(
    message: &Message<'_>,
    notes: &Notes,
) -> Option<(String, Option<(String, String)>)> {
    let known = ["http_uri", "cache_duration", "async_fetch", "retry_policy"];
    let remote = message.message("remote_jwks", &known)?;
    for (name, text) in [
        (
            "cache_duration",
            "how long keys are fresh is what `Cache-Control` of their answer says; `max_stale` of the issuer bounds how long they serve when they cannot be fetched",
        ),
        (
            "async_fetch",
            "keys are always fetched ahead, and once for all workers; listeners do not wait for them, requests do",
        ),
        ("retry_policy", "a fetch that fails is made again after 1, 2, 4 … seconds"),
    ] {
        if remote.has(name) {
            notes.dropped(remote.place_of(name), text);
        }
    }
    let uri = remote.message("http_uri", &["uri", "cluster", "timeout"]);
    let Some(uri) = uri else {
        notes.refuse(remote.place, "`http_uri` is expected here");
        return None;
    };
    if uri.has("timeout") {
        let text = format!("a fetch may take {} seconds", limits::FETCH_TIMEOUT.as_secs());
        notes.dropped(uri.place_of("timeout"), text);
    }
    let (Some(url), Some(cluster)) = (uri.text("uri"), uri.text("cluster")) else {
        notes.refuse(uri.place, "`uri` and `cluster` are expected here");
        return None;
    };
    if !url.starts_with("https://") {
        let text = "keys are fetched from https URLs only: whoever is in between could replace them";
        notes.refuse(uri.place_of("uri"), text);
    }
    Some((url.to_owned(), Some((origin(url).to_owned(), cluster.to_owned()))))
}

/// The scheme and authority of a URL, as the plug-in's `clusters` have it.
pub(super) fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url.get(authority..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..authority + end)).unwrap_or(url)
}

/// A key set. What is not one is not quoted: the file may name anything.
pub(super) fn local_jwks(message: &Message<'_>, notes: &Notes) -> Option<Value> {
    let known = ["filename", "inline_bytes", "inline_string", "environment_variable", "watched_directory"];
    let source = message.message("local_jwks", &known)?;
    let refuse = |text: &str| {
        notes.refuse(source.place.clone(), text);
        None
    };
    let text = match source.given(&known[..4]).as_slice() {
        ["inline_string"] => source.text("inline_string")?.to_owned(),
        ["inline_bytes"] => {
            let bytes = STANDARD.decode(source.text("inline_bytes")?).ok();
            match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(text) => text,
                None => return refuse("this is no text in base64"),
            }
        }
        ["filename"] => {
            let path = source.text("filename")?;
            let is_short = fs::metadata(path).is_ok_and(|file| {
                file.is_file() && file.len() <= u64::try_from(limits::KEY_SET_BYTES).unwrap_or(0)
            });
            match is_short.then(|| fs::read_to_string(path)) {
                Some(Ok(text)) => {
                    notes.dropped(
                        source.place_of("filename"),
                        "the keys of the file are written into the policy; new keys need a new one",
                    );
                    text
                }
                _ => {
                    return refuse(
                        "the file cannot be read from here: run this where Envoy runs, or write the keys into `inline_string`",
                    );
                }
            }
        }
        ["environment_variable"] => {
            return refuse("the environment is Envoy's: write the keys into `inline_string`");
        }
        _ => return refuse("one source of keys is expected here"),
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(keys) if keys.get("keys").is_some_and(Value::is_array) => Some(keys),
        _ => refuse("this is no JWK Set (RFC 7517 §5)"),
    }
}

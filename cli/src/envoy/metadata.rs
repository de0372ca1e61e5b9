//! What `jwt_authn` leaves in the dynamic metadata, and who reads it there.

use serde_json::Value;

use super::document::below;
use super::find;
use super::message::{Message, snake_case};
use super::note::Notes;

/// Where `jwt_authn` writes, whatever its name among the filters is.
const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// The fields by which a provider has something written.
const WRITTEN_BY: [&str; 3] = ["payload_in_metadata", "header_in_metadata", "failed_status_in_metadata"];

/// Whether a filter writes the payload of tokens.
pub(super) fn writes_payload(filter: &Message<'_>) -> bool {
    writes(filter, &WRITTEN_BY[..1])
}

fn writes(filter: &Message<'_>, fields: &[&str]) -> bool {
    let providers = filter.map("providers");
    let mut providers = providers.values().filter_map(|provider| provider.value.as_object());
    providers.any(|provider| provider.keys().any(|name| fields.contains(&snake_case(name).as_str())))
}

/// Refuses to take away what another filter reads: a rule that denies by it would deny no more. For an access log it
/// is a field that stays empty.
pub(super) fn check_readers(root: &Value, filter: &Message<'_>, notes: &Notes) {
    if !writes(filter, &WRITTEN_BY) {
        return;
    }
    find::objects(root, &mut |object, place| {
        for (name, value) in object {
            // The filter's own name, and its types.
            if matches!(name.as_str(), "name" | "@type" | "type_url" | "typeUrl") || !mentions(value) {
                continue;
            }
            let place = below(place, name);
            let instead = "the filter state has `wasm.tessera.subject`, `wasm.tessera.scopes` …, and the `claims` of a \
                           policy decide by claims";
            if place.contains("/access_log") || place.contains("/accessLog") {
                notes.dropped(
                    place,
                    format!("what this logs of `jwt_authn` is not there any more: {instead}"),
                );
            } else {
                let text = format!(
                    "what this reads of `jwt_authn` is not there any more: {instead}; change it, and convert then"
                );
                notes.refuse(place, text);
            }
        }
    });
}

/// Whether a text, or a text of a list, names the metadata.
fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(NAMESPACE),
        Value::Array(elements) => {
            elements.iter().any(|element| matches!(element, Value::String(text) if text.contains(NAMESPACE)))
        }
        _ => false,
    }
}

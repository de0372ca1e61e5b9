//! Filters in an Envoy configuration, wherever they are nested.

use serde_json::{Map, Value};

use super::document::below;
use super::message::{Placed, snake_case};

/// The type of the filter that `tessera policy from-envoy` converts.
pub(super) const JWT_AUTHN: &str = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
/// The type of its configuration in routes.
pub(super) const JWT_AUTHN_PER_ROUTE: &str = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig";
/// The type of the filter that plug-ins run in.
pub(super) const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
/// The type by which a route turns any filter off.
pub(super) const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";

/// A message of a type that was looked for.
pub(super) struct Found<'v> {
    pub(super) message: Placed<'v>,
    /// The name that it has as a filter: in the list of filters, or as the key of a route's configuration.
    pub(super) name: String,
    /// What holds it: the entry of the list of filters, or the route with its configuration.
    pub(super) holder: Placed<'v>,
}

/// A step down from a value to a part of it.
struct Step<'v> {
    from: Placed<'v>,
    name: String,
}

/// All messages of a type.
pub(super) fn typed<'v>(root: &'v Value, name: &str) -> Vec<Found<'v>> {
    let mut found = Vec::new();
    walk(&Placed { place: String::new(), value: root }, &mut Vec::new(), &mut |part, steps| {
        if let Some(message) = part.value.as_object().and_then(|object| of_type(object, part, name)) {
            let (name, holder) = holder(steps);
            found.push(Found { message, name, holder });
        }
    });
    found
}

/// Visits every object.
pub(super) fn objects<'v>(root: &'v Value, visit: &mut dyn FnMut(&'v Map<String, Value>, &str)) {
    walk(&Placed { place: String::new(), value: root }, &mut Vec::new(), &mut |part, _| {
        if let Some(object) = part.value.as_object() {
            visit(object, &part.place);
        }
    });
}

/// Visits a value and all of its parts. The depth that a document may have bounds the recursion.
fn walk<'v>(part: &Placed<'v>, steps: &mut Vec<Step<'v>>, visit: &mut dyn FnMut(&Placed<'v>, &[Step<'v>])) {
    visit(part, steps);
    let children: Vec<(String, &Value)> = match part.value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => return,
    };
    for (name, value) in children {
        let place = below(&part.place, &name);
        steps.push(Step { from: Placed { place: part.place.clone(), value: part.value }, name });
        walk(&Placed { place, value }, steps, visit);
        steps.pop();
    }
}

/// The message in an `Any`, if it is of this type; also one that is written as a struct.
fn of_type<'v>(object: &'v Map<String, Value>, part: &Placed<'v>, name: &str) -> Option<Placed<'v>> {
    let named = |member: &str| object.get(member).and_then(Value::as_str).map(short);
    let own = named("@type")?;
    if own.ends_with(".TypedStruct") {
        let of = named("type_url").or_else(|| named("typeUrl"))?;
        let value = object.get("value").filter(|_| of == name)?;
        return Some(Placed { place: below(&part.place, "value"), value });
    }
    (own == name).then(|| Placed { place: part.place.clone(), value: part.value })
}

/// What follows the host in the URL of a type.
fn short(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// The filter or route that the end of these steps belongs to.
fn holder<'v>(steps: &[Step<'v>]) -> (String, Placed<'v>) {
    let here = |step: &Step<'v>| Placed { place: step.from.place.clone(), value: step.from.value };
    for (depth, step) in steps.iter().enumerate().rev() {
        if snake_case(&step.name) == "typed_config" {
            let name = step.from.value.get("name").and_then(Value::as_str).unwrap_or_default();
            return (name.to_owned(), here(step));
        }
        let above = depth.checked_sub(1).and_then(|above| steps.get(above));
        if let Some(above) = above.filter(|above| snake_case(&above.name) == "typed_per_filter_config") {
            return (step.name.clone(), here(above));
        }
    }
    (
        String::new(),
        Placed { place: String::new(), value: steps.first().map_or(&Value::Null, |step| step.from.value) },
    )
}

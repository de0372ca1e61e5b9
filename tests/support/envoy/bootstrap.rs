//! The pieces of a bootstrap configuration, as JSON. Each is a plain value, to be changed at will.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

/// The name of the HTTP filter that is the verifier.
pub const FILTER: &str = "tessera";

/// A whole configuration: listeners and clusters, and an administration interface on a free port.
#[must_use]
pub fn bootstrap(listeners: &[Value], clusters: &[Value]) -> Value {
    json!({
        "admin": { "address": loopback(0) },
        "static_resources": { "listeners": listeners, "clusters": clusters },
    })
}

/// A listener for HTTP/1.1 and HTTP/2 without TLS, on a free port of the loopback address. `routes` are those of its
/// one virtual host; `filters` come before the router.
#[must_use]
pub fn listener(name: &str, filters: &[Value], routes: &[Value]) -> Value {
    json!({
        "name": name,
        "address": loopback(0),
        "filter_chains": [{ "filters": [connection_manager(filters, routes)] }],
    })
}

/// The network filter of a [`listener`].
#[must_use]
pub fn connection_manager(filters: &[Value], routes: &[Value]) -> Value {
    let last = json!({
        "name": "router",
        "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", json!({})),
    });
    let filters: Vec<&Value> = filters.iter().chain([&last]).collect();
    let manager = json!({
        "stat_prefix": "main",
        "codec_type": "AUTO",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
        "http_filters": filters,
    });
    let name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    json!({ "name": "http", "typed_config": typed(name, manager) })
}

/// A route for everything, to a cluster.
#[must_use]
pub fn route_to(cluster: &str) -> Value {
    json!({ "match": { "prefix": "/" }, "route": { "cluster": cluster } })
}

/// A route for everything that Envoy itself answers with 200.
#[must_use]
pub fn route_answered() -> Value {
    json!({ "match": { "prefix": "/" }, "direct_response": { "status": 200 } })
}

/// The HTTP filter that is the verifier, with its plug-in configuration.
#[must_use]
pub fn filter(artefact: &Path, plugin: &Value) -> Value {
    wasm_filter(FILTER, artefact, &plugin.to_string())
}

/// An HTTP filter in WebAssembly.
#[must_use]
pub fn wasm_filter(name: &str, artefact: &Path, configuration: &str) -> Value {
    let wasm = json!({ "config": {
        "name": name,
        // What other plug-ins ask for: bodies are shown to the filter while it holds the header back.
        "allow_on_headers_stop_iteration": true,
        "vm_config": { "vm_id": "tessera", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": artefact } } },
        "configuration": typed("google.protobuf.StringValue", json!({ "value": configuration })),
    }});
    json!({ "name": name, "typed_config": typed("envoy.extensions.filters.http.wasm.v3.Wasm", wasm) })
}

/// A cluster of one endpoint, which listens at a URL of the loopback address.
#[must_use]
pub fn cluster(name: &str, url: &Url) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": loopback(url.port().unwrap_or(80)) } }] }],
        },
    })
}

/// An address of this machine.
#[must_use]
pub fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// A message with its type, as `Any` wants it.
#[must_use]
pub fn typed(name: &str, mut message: Value) -> Value {
    if let Some(members) = message.as_object_mut() {
        members.insert("@type".to_owned(), format!("type.googleapis.com/{name}").into());
    }
    message
}

/// An access log into a file, in this format (a text; a line ends where it says so).
#[must_use]
pub fn access_log(path: &Path, format: &str) -> Value {
    access_log_in(path, &json!({ "text_format_source": { "inline_string": format } }))
}

/// An access log into a file, an object with these members on each line.
#[must_use]
pub fn access_log_json(path: &Path, members: &Value) -> Value {
    access_log_in(path, &json!({ "json_format": members }))
}

fn access_log_in(path: &Path, format: &Value) -> Value {
    let log = json!({ "path": path, "log_format": format });
    json!({ "name": "file", "typed_config": typed("envoy.extensions.access_loggers.file.v3.FileAccessLog", log) })
}

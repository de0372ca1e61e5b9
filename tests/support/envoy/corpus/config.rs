//! The Envoy's configuration: a filter chain for each case, chosen by the address that its client connects from.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{case::Case, guard::Guard, servers::loopback};
use crate::envoy::bootstrap::{self, typed};

/// The second octet of the addresses of the cases' clients, of their issuers, and of the listeners of a trial.
pub(super) const CLIENTS: u8 = 100;
pub(super) const ISSUERS: u8 = 150;
const TRIALS: u8 = 200;

/// The cluster of the service.
const SERVICE: &str = "service";

/// The listener for all cases.
pub(super) const LISTENER: &str = "cases";

/// What of the filter's decision is told, and by which field: upstream with what is allowed, else in the response.
pub(super) const ATTRIBUTES: [&str; 7] =
    ["subject", "client_id", "scopes", "issuer", "expiry", "decision", "reason"];

/// The field that tells an attribute.
pub(super) fn field_of(attribute: &str) -> String {
    format!("conformance-{}", attribute.replace('_', "-"))
}

/// The configurations of cases' filters and listeners.
#[derive(Debug)]
pub(super) struct Config<'c> {
    /// The filter before the service.
    pub(super) guard: Guard<'c>,
    /// The ports of the servers.
    pub(super) service: u16,
    pub(super) issuers: u16,
}

/// The listeners, in a file that Envoy watches: those that it refuses it names, and goes on with the others.
#[derive(Debug)]
pub(super) struct Listeners {
    path: PathBuf,
    version: u32,
}

impl Config<'_> {
    /// What Envoy starts with: no listener yet.
    pub(super) fn bootstrap(&self, cases: &[Case], listeners: &Listeners) -> Value {
        let issuers = (0..cases.len())
            .map(|case| cluster(&issuers_of(case), &loopback(ISSUERS, case).to_string(), self.issuers));
        let clusters: Vec<Value> = issuers.chain([cluster(SERVICE, "127.0.0.1", self.service)]).collect();
        let bootstrap = bootstrap::bootstrap(&[], &clusters);
        with(
            bootstrap,
            "",
            json!({
                "node": { "id": "conformance", "cluster": "conformance" },
                "dynamic_resources": { "lds_config": { "path_config_source": { "path": listeners.path } } },
            }),
        )
    }

    /// A listener that nobody can connect to: whether it is taken says whether the case's policy is.
    pub(super) fn trial(&self, index: usize, case: &Case) -> Value {
        let address = loopback(TRIALS, index).to_string();
        json!({
            "name": case.id,
            "address": { "socket_address": { "address": address, "port_value": 1 } },
            "bind_to_port": false,
            "filter_chains": [{ "filters": [self.connection_manager(index, case)] }],
        })
    }

    /// The listener for all of these cases.
    pub(super) fn listener<'c>(&self, cases: impl Iterator<Item = (usize, &'c Case)>) -> Value {
        let chains = cases.map(|(index, case)| {
            let client = json!({ "address_prefix": loopback(CLIENTS, index).to_string(), "prefix_len": 32 });
            json!({
                "name": case.id,
                "filter_chain_match": { "source_prefix_ranges": [client] },
                "filters": [self.connection_manager(index, case)],
            })
        });
        json!({
            "name": LISTENER,
            "address": bootstrap::loopback(0),
            "filter_chains": chains.collect::<Vec<_>>(),
        })
    }

    fn connection_manager(&self, index: usize, case: &Case) -> Value {
        let route = with(bootstrap::route_to(SERVICE), "", json!({ "request_headers_to_add": told() }));
        let manager = bootstrap::connection_manager(&[self.guard.filter(index, case)], &[route]);
        let any_status =
            json!({ "op": "GE", "value": { "default_value": 100, "runtime_key": "conformance.any" } });
        let manager = with(
            manager,
            "/typed_config",
            json!({
                "generate_request_id": false,
                // Which methods there are is the policy's to say.
                "http_protocol_options": { "allow_custom_methods": true },
                "local_reply_config": { "mappers": [{
                    "filter": { "status_code_filter": { "comparison": any_status } },
                    "headers_to_add": told(),
                }] },
            }),
        );
        with(manager, "/typed_config/http_filters/1/typed_config", json!({ "suppress_envoy_headers": true }))
    }
}

impl Listeners {
    /// A file in a folder, with these to start with.
    pub(super) fn new(folder: &Path, listeners: Vec<Value>) -> io::Result<Self> {
        let mut file = Self { path: folder.join("listeners.json"), version: 0 };
        file.replace(listeners)?;
        Ok(file)
    }

    /// Puts others in their place.
    pub(super) fn replace(&mut self, listeners: Vec<Value>) -> io::Result<()> {
        self.version += 1;
        let listeners = listeners.into_iter().map(|it| typed("envoy.config.listener.v3.Listener", it));
        let response = json!({
            "version_info": self.version.to_string(),
            "resources": listeners.collect::<Vec<_>>(),
        });
        // Envoy looks when a file is moved there, so that it never sees half of one.
        let whole = self.path.with_extension("new");
        fs::write(&whole, response.to_string())?;
        fs::rename(whole, &self.path)
    }
}

/// A message with further members at a place in it.
pub(super) fn with(mut message: Value, place: &str, members: Value) -> Value {
    if let (Some(Value::Object(into)), Value::Object(members)) = (message.pointer_mut(place), members) {
        into.extend(members);
    }
    message
}

/// The cluster of a case's issuers.
pub(super) fn issuers_of(case: usize) -> String {
    format!("issuers-{case}")
}

fn cluster(name: &str, address: &str, port: u16) -> Value {
    let address = json!({ "socket_address": { "address": address, "port_value": port } });
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    })
}

fn told() -> Value {
    let told = ATTRIBUTES.map(|attribute| {
        let value = format!("%FILTER_STATE(wasm.tessera.{attribute}:PLAIN)%");
        json!({
            "header": { "key": field_of(attribute), "value": value },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    });
    json!(told)
}

//! The commands that the documents tell their readers to type, and what proves each of them.

/// A command in a document.
#[derive(Debug)]
pub struct Documented {
    /// As the document has it, on one line.
    pub command: &'static str,
    /// What shows that it works.
    pub proof: Proof,
    /// Its line in this file.
    pub(super) line: u32,
}

/// What shows that a documented command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// `.ci/run` has it as a line of its own.
    Ci,
    /// The end-to-end tests run it by `sh -c` in a scratch folder, with dist/ first in `PATH`, in the order of this
    /// list, and it exits with 0. The folder has dist/ and examples/, the example of docs/proxy.md as policy.json, and
    /// that of docs/from-jwt-authn.md as envoy.yaml. While an issuer is served there are a token of `billing` for
    /// `orders` in the file `token` and as `$TOKEN`, the secret of `orders` as `$SECRET`, and the id of the key that
    /// signs as `$KID`. Requests are repeated until the issuer knows what the commands before have changed.
    Runs,
    /// As [`Proof::Runs`], but it is a server: it gets ready, and stays until the end of the list.
    Serves,
    /// The tests of the middleware run it, on a port of their own, with a `guarded.wasm` that they composed.
    Middleware,
    /// The tests of the examples run them in this order, on ports of their own, in a scene.
    Envoy,
}

/// Every command fenced as `sh` in a Markdown file of this repository, and no other.
pub const COMMANDS: &[Documented] = &[
    Documented { command: "cargo xtask demo", proof: Proof::Ci, line: line!() },
    Documented { command: "cargo xtask build", proof: Proof::Ci, line: line!() },
    Documented { command: "cargo xtask test", proof: Proof::Ci, line: line!() },
    Documented { command: "cargo xtask lint", proof: Proof::Ci, line: line!() },
    Documented { command: "tessera init issuer --listen 127.0.0.1:7400", proof: Proof::Runs, line: line!() },
    Documented {
        command: "tessera --config issuer/tessera.toml client add orders --scope orders:read --scope orders:write",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml client add billing --secret",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml grant add billing orders --scope orders:read",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml credential add-workload billing \
                  --issuer https://kubernetes.default.svc --jwks-uri https://kubernetes.default.svc/openid/v1/jwks \
                  --subject system:serviceaccount:shop:billing",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented { command: "tessera --config issuer/tessera.toml serve", proof: Proof::Serves, line: line!() },
    Documented {
        command: "curl --fail http://127.0.0.1:7400/.well-known/oauth-authorization-server",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml keys list",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml keys rotate",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml client set orders --status",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "curl --fail --user orders:$SECRET --data-urlencode token=$TOKEN \
                  http://127.0.0.1:7400/v1/introspect",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml client add stock --scope stock:reserve",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml grant add orders stock --scope stock:reserve \
                  --exchange orders:read=stock:reserve",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "curl --fail --user orders:$SECRET http://127.0.0.1:7400/v1/token --data-urlencode \
                  grant_type=urn:ietf:params:oauth:grant-type:token-exchange --data-urlencode \
                  subject_token=$TOKEN --data-urlencode \
                  subject_token_type=urn:ietf:params:oauth:token-type:access_token --data-urlencode \
                  audience=stock",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml revoke token - < token",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml revoke client billing",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml revoke grant billing orders",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera --config issuer/tessera.toml revoke key $KID",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented { command: "tessera policy check policy.json", proof: Proof::Runs, line: line!() },
    Documented {
        command: "tessera policy check examples/envoy/envoy.yaml",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented {
        command: "tessera policy from-envoy envoy.yaml > tessera.json",
        proof: Proof::Runs,
        line: line!(),
    },
    Documented { command: "tessera policy check tessera.json", proof: Proof::Runs, line: line!() },
    Documented { command: "envoy -c examples/envoy/envoy.yaml", proof: Proof::Envoy, line: line!() },
    Documented { command: "curl -i http://127.0.0.1:7414/orders", proof: Proof::Envoy, line: line!() },
    Documented {
        command: "curl --fail -H \"Authorization: Bearer $(cat orders.token)\" http://127.0.0.1:7414/orders",
        proof: Proof::Envoy,
        line: line!(),
    },
    Documented {
        command: "tessera-proxy --listen 127.0.0.1:7401 --upstream http://127.0.0.1:8080 --policy policy.json",
        proof: Proof::Serves,
        line: line!(),
    },
    Documented {
        command: "wasmtime serve --addr 127.0.0.1:7402 --idle-instance-timeout 3600s \
                  --env \"TESSERA_POLICY=$(cat policy.json)\" guarded.wasm",
        proof: Proof::Middleware,
        line: line!(),
    },
];

pub(super) fn is_proven(command: &str) -> bool {
    COMMANDS.iter().any(|known| known.command == command)
}

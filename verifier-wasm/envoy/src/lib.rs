//! The verifier core as a proxy-wasm filter for Envoy and its relatives.

//! Embedding the verifier through wasmtime: a library, and a reverse proxy built on it.

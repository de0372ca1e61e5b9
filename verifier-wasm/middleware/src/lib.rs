//! The verifier core as a wasi:http middleware.

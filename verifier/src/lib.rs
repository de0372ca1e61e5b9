//! The verifier core: policy, keys, token, decision; no I/O, no clock, no randomness.

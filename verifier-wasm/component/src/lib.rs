//! The verifier core as a WebAssembly component with zero imports.

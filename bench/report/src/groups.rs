//! The groups of rows that `--only` chooses from: known without building what measures them.

/// Of `cargo xtask bench verify`.
pub const VERIFY: [&str; 15] = [
    "rs256",
    "rs384",
    "rs512",
    "ps256",
    "ps384",
    "ps512",
    "es256",
    "es384",
    "eddsa",
    "status",
    "rules",
    "jwks",
    "cache",
    "lifecycle",
    "decisions",
];

/// Of `cargo xtask bench issuer`.
pub const ISSUER: [&str; 6] = ["primitives", "es256", "rs256", "pkcs11", "latency", "scale"];

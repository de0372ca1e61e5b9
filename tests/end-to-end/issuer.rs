//! The issuer before judges that are not ours: OAuth clients, verifiers, a peer, and a tester of its published interface.

mod certificates;
mod clients;
mod differential;
mod interface;
mod judge;
mod requirements;
mod stage;
mod status;
mod table;
mod tokens;

use std::{fs, path::Path};

/// Asserts that a document of the repository says what a test found. `TESSERA_WRITE_DOCUMENTS=1` writes it anew.
fn assert_current(path: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("TESSERA_WRITE_DOCUMENTS").is_some_and(|value| value == "1") {
        fs::write(&file, found).unwrap();
    }
    let said = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(said, found, "{path} is not what was found; TESSERA_WRITE_DOCUMENTS=1 writes it anew");
}

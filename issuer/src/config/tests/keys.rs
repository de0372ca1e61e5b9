//! Where keys are, and what opens them.

use super::*;
use crate::keys::{Pkcs11Options, TokenChoice};

#[test]
fn a_secret_is_in_a_file_in_the_environment_or_known_to_a_command() {
    let read = |place: &str| {
        parse(&GOOD.replace("\"/k/t.kek\"", place)).map(|config| config.vault.key_encryption_key)
    };
    let command = |program: &str, arguments: &[&str]| SecretSource::Command {
        program: program.into(),
        arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
    };
    for (place, expected) in [
        ("{ file = \"t.kek\" }", SecretSource::File("etc/t.kek".into())),
        ("{ env = \"TESSERA_KEK\" }", SecretSource::Environment("TESSERA_KEK".to_owned())),
        ("{ command = [\"pass\", \"show\", \"kek\"] }", command("pass", &["show", "kek"])),
        ("{ command = [\"bin/kek\"] }", command("etc/bin/kek", &[])),
        ("{ command = [\"/bin/kek\"] }", command("/bin/kek", &[])),
    ] {
        assert_eq!(read(place).unwrap(), expected, "{place}");
    }
    let form = "expected a path, { file = \"…\" }, { env = \"NAME\" } or { command = [\"…\"] }";
    for (place, expected) in [
        ("7", format!("invalid type: integer `7`, {form}")),
        ("{}", format!("invalid value: map, {form}")),
        ("{ env = \"A\", file = \"b\" }", format!("invalid value: map, {form}")),
        ("{ command = [] }", "`command` is a program and its arguments".to_owned()),
        (
            "{ comand = [\"a\"] }",
            "unknown field `comand`, expected one of `file`, `env`, `command`; did you mean `command`?"
                .to_owned(),
        ),
    ] {
        assert_eq!(read(place).unwrap_err().to_string(), format!("etc/tessera.toml:3: {expected}"));
    }
}

#[test]
fn old_keys_and_the_algorithm_are_read() {
    let text = format!(
        "{GOOD}old_key_encryption_keys = [\"a\", {{ env = \"B\" }}]\n[tokens]\nalgorithm = \"EdDSA\"\n"
    );
    let vault = parse(&text).unwrap().vault;
    let old = vec![SecretSource::File("etc/a".into()), SecretSource::Environment("B".to_owned())];
    assert_eq!((vault.old_key_encryption_keys, vault.algorithm), (old, Algorithm::EdDsa));
    let error = parse(&text.replace("EdDSA", "HS256")).unwrap_err().to_string();
    assert_eq!(error, "etc/tessera.toml:6: the algorithm must be ES256, RS256, PS256, ES384 or EdDSA");
}

const TOKEN: &str = "[pkcs11]\nmodule = \"m.so\"\ntoken = \"T\"\npin = { env = \"PIN\" }\n";

#[test]
fn a_token_is_known_by_its_label_its_serial_number_or_its_slot() {
    let read = |table: &str| parse(&format!("{GOOD}{table}")).map(|config| config.vault.pkcs11.unwrap());
    let expected = |token, sessions| Pkcs11Options {
        module: "etc/m.so".into(),
        token,
        pin: SecretSource::Environment("PIN".to_owned()),
        sessions,
    };
    let label = || TokenChoice::Label("T".to_owned());
    for (change, token, sessions) in [
        ("token = \"T\"", label(), 8),
        ("serial = \"12ab\"", TokenChoice::Serial("12ab".to_owned()), 8),
        ("slot = 3", TokenChoice::Slot(3), 8),
        ("token = \"T\"\nsessions = 128", label(), 128),
    ] {
        let table = TOKEN.replace("token = \"T\"", change);
        assert_eq!(read(&table).unwrap(), expected(token, sessions), "{change}");
    }
    let one = "the token is named by one of `token` (its label), `serial` and `slot`";
    let pin = "invalid type: text, expected { file = \"…\" }, { env = \"NAME\" } or { command = [\"…\"] }";
    for (from, to, line, expected) in [
        ("token = \"T\"", "", 5, one),
        ("token = \"T\"", "token = \"T\"\nslot = 3", 5, one),
        ("token = \"T\"", "token = \"T\"\nsessions = 0", 7, "`sessions` must be 1 to 128"),
        ("token = \"T\"", "token = \"T\"\nsessions = 129", 7, "`sessions` must be 1 to 128"),
        // The PIN itself is not taken, nor shown.
        ("{ env = \"PIN\" }", "\"1234\"", 7, pin),
    ] {
        let error = read(&TOKEN.replace(from, to)).unwrap_err().to_string();
        assert_eq!(error, format!("etc/tessera.toml:{line}: {expected}"));
    }
}

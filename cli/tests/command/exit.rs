use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use sqlx::migrate::Migrate as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::stage::{Stage, code, stderr, tessera};

/// The command failed with this code, one line on stderr that says this, and nothing on stdout.
pub(crate) fn assert_failed(output: &Output, expected: i32, says: &str) {
    let message = stderr(output);
    assert_eq!(code(output), expected, "{message}");
    assert!(message.contains(says), "{message:?} should say {says:?}");
    assert!(message.starts_with("error: "), "{message:?}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_bad_configuration_is_3() {
    let stage = Stage::new(&[]);
    stage.edit_config("listen =", "lisen =");
    let output = stage.run(&["serve"]);
    assert_failed(&output, 3, "tessera.toml:4: unknown field `lisen`");
    assert_failed(&output, 3, "did you mean `listen`?");
    stage.edit_config("lisen =", "listen =");
    stage.edit_config("127.0.0.1:0", "0.0.0.0:0");
    assert_failed(&stage.run(&["serve"]), 3, "`issuer` is missing");
    stage.edit_config("0.0.0.0:0", "127.0.0.1:0");
    let output = stage.command(&["serve"]).env("TESSERA_LOG", "info,tessera_issuer=loud").output().unwrap();
    assert_failed(
        &output,
        3,
        "TESSERA_LOG=\"info,tessera_issuer=loud\" is no log filter; use for example `info`",
    );
    let missing = tessera().args(["--config", "no/such/tessera.toml", "client", "list"]).output().unwrap();
    assert_failed(
        &missing,
        3,
        "cannot read the configuration no/such/tessera.toml (`tessera init` makes one)",
    );
}

#[test]
fn an_unusable_database_is_4() {
    let stage = Stage::new(&[]);
    let database = stage.path("tessera.db");
    std::fs::write(&database, "no database ".repeat(1000)).unwrap();
    for command in [&["serve"][..], &["client", "list"]] {
        assert_failed(&stage.run(command), 4, "the database is damaged, or is no database");
    }
    std::fs::remove_file(&database).unwrap();
    assert_failed(&stage.run(&["serve"]), 4, "there is no database at");
    assert!(!database.exists(), "serving makes no database");
    std::fs::write(&database, "").unwrap();
    assert_failed(
        &stage.run(&["serve"]),
        4,
        "tessera.db is no database of an issuer; `tessera init` makes one",
    );
    assert_eq!(std::fs::metadata(&database).unwrap().len(), 0, "serving makes no database");
    std::fs::remove_file(&database).unwrap();
    std::fs::create_dir(&database).unwrap();
    let output = stage.run(&["serve"]);
    assert_failed(&output, 4, "cannot open the database ");
    assert_failed(&output, 4, "is a directory");
}

#[tokio::test]
async fn only_serving_migrates_and_only_once_it_has_its_address() {
    let stage = Stage::new(&[]);
    let database = stage.path("tessera.db");
    std::fs::remove_file(&database).unwrap();
    let options = SqliteConnectOptions::new().filename(&database).create_if_missing(true);
    let mut older = SqliteConnection::connect_with(&options).await.unwrap();
    older.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    older.close().await.unwrap();

    let says = "has the schema of an older version of tessera";
    assert_failed(&stage.run(&["client", "list"]), 4, says);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap().to_string();
    stage.edit_config("127.0.0.1:0", &busy);
    assert_failed(&stage.run(&["serve"]), 5, "is already in use");
    assert_failed(&stage.run(&["client", "list"]), 4, says);

    stage.edit_config(&busy, "127.0.0.1:0");
    // The schema of today, and nothing in it.
    assert_failed(&stage.run(&["serve"]), 4, "the signing keys cannot be used");
    assert_eq!(stage.json(&["client", "list"]), serde_json::json!([]));
}

#[test]
fn an_unusable_key_encryption_key_is_4() {
    let stage = Stage::new(&[]);
    let kek = stage.path("tessera.kek");
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&stage.run(&["serve"]), 4, "is open to others (mode 644); run `chmod 600");
    assert_failed(&stage.run(&["keys", "add", "--algorithm", "ES384"]), 4, "is open to others");
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o600)).unwrap();
    let other = Stage::new(&[]);
    std::fs::copy(other.path("tessera.kek"), &kek).unwrap();
    assert_failed(&stage.run(&["serve"]), 4, ", which is not the configured one");
}

#[test]
fn an_address_that_cannot_be_had_is_5() {
    let stage = Stage::new(&[]);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    stage.edit_config("127.0.0.1:0", &holder.local_addr().unwrap().to_string());
    assert_failed(&stage.run(&["serve"]), 5, "is already in use");
}

#[test]
fn what_the_database_refuses_is_1() {
    let stage = Stage::new(&[]);
    stage.json(&["client", "add", "orders", "--scope", "read"]);
    for (arguments, says) in [
        (&["client", "add", "orders"][..], "the client `orders` exists already"),
        (&["client", "remove", "odrers"], "there is no client `odrers`; did you mean `orders`?"),
        (&["client", "remove", "billing"], "there is no client `billing`\n"),
        (
            &["grant", "add", "orders", "orders", "--scope", "write"],
            "`orders` does not offer the scope `write`",
        ),
        (&["grant", "remove", "orders", "orders"], "`orders` has no grant for `orders`"),
        (
            &[
                "credential",
                "add-workload",
                "orders",
                "--issuer",
                "x",
                "--subject",
                "s",
                "--jwks-uri",
                "http://x.example/",
            ],
            "the JWKS URI must be an https URL",
        ),
        (
            &[
                "credential",
                "add-workload",
                "orders",
                "--issuer",
                "x",
                "--subject",
                "s",
                "--jwks",
                "no/such/file",
            ],
            "cannot read no/such/file",
        ),
    ] {
        assert_failed(&stage.run(arguments), 1, says);
    }
    let again = tessera().arg("init").arg(stage.path("")).output().unwrap();
    assert_failed(&again, 1, "exists already; choose another folder");
}

#[test]
fn a_wrong_command_line_is_2() {
    for arguments in [
        &["nonsense"][..],
        &["client", "add", "a b"],
        &["client", "add", "x", "--scope", "\""],
        &["grant", "add", "a", "b", "--lifetime", "3601"],
        &["init", "x", "--algorithm", "HS256"],
        &["credential", "add-workload", "x", "--issuer", "https://i.example", "--subject", "s"],
    ] {
        let output = tessera().args(arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.stdout, b"");
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("x");
    let output = tessera().arg("init").arg(&dir).args(["--listen", "0.0.0.0:80"]).output().unwrap();
    assert_failed(&output, 2, "add `--issuer https://…`");
    assert!(!dir.exists(), "nothing half-made");
    assert_eq!(code(&tessera().arg("--help").output().unwrap()), 0);
}

#[test]
fn the_files_of_an_issuer_are_its_owners() {
    let stage = Stage::new(&[]);
    for name in ["tessera.db", "tessera.kek"] {
        let mode = std::fs::metadata(stage.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

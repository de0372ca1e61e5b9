mod keys;

use std::time::Duration;

use tessera_fetch::{Egress, Origin, PlainHttp};

use super::*;
use crate::domain::{Algorithm, Lifetime};
use crate::keys::SecretSource;

const GOOD: &str = "listen = \"127.0.0.1:0\"\ndatabase = \"t.db\"\nkey_encryption_key = \"/k/t.kek\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    file::parse(Path::new("etc/tessera.toml"), text)
}

fn bounds(default: u64, max: u64) -> LifetimeBounds {
    let seconds = |seconds| Lifetime::from_seconds(seconds).unwrap();
    LifetimeBounds { default: seconds(default), max: seconds(max) }
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.database, Path::new("etc/t.db"));
    let file = |path: &str| SecretSource::File(path.into());
    assert_eq!(config.vault.key_encryption_key, file("/k/t.kek"));
    assert_eq!((config.vault.old_key_encryption_keys, config.vault.algorithm), (vec![], Algorithm::Es256));
    assert_eq!(config.secret_pepper, Path::new("etc/tessera.pepper"));
    assert_eq!((config.issuer, config.allow_http_loopback), (None, false));
    assert_eq!((config.tokens, config.max_act_depth.get()), (bounds(900, 3600), 4));
    assert_eq!(config.rotate_every.as_seconds(), 30 * 24 * 60 * 60);
    assert_eq!((config.tls, config.fetch), (None, Fetch::default()));
    assert_eq!(config.lame_duck, Duration::ZERO);
}

#[test]
fn every_error_names_its_line() {
    for (text, expected) in [
        (
            format!("{GOOD}lissten = \"x\"\n"),
            "etc/tessera.toml:4: unknown field `lissten`, expected one of \
            `listen`, `issuer`, `database`, `key_encryption_key`, `old_key_encryption_keys`, `secret_pepper`, \
             `allow_http_loopback`, `tokens`, `status`, `keys`, `tls`, `fetch`, `shutdown`, `pkcs11`; did you mean `listen`?",
        ),
        (GOOD.replace("127.0.0.1:0", "localhost"), "etc/tessera.toml:1: invalid socket address syntax"),
        (
            format!("{GOOD}issuer = \"http://id.example\""),
            "etc/tessera.toml:4: the issuer must be an https URL (http is for loopback hosts only): http is \
             refused: whoever is in between could replace what is fetched",
        ),
        (
            GOOD.replace("127.0.0.1", "0.0.0.0"),
            "etc/tessera.toml: `issuer` is missing; it can be left out only when each `listen` is a loopback address",
        ),
        (GOOD.replace("t.db\"", "t.db"), "etc/tessera.toml:2: invalid basic string, expected `\"`"),
        (String::new(), "etc/tessera.toml:1: missing field `listen`"),
    ] {
        assert_eq!(parse(&text).unwrap_err().to_string(), expected);
    }
}

const TABLES: &str = r#"
secret_pepper = "/k/pepper"
[tokens]
max_lifetime = 1800
default_lifetime = 60
max_act_depth = 2
[status]
ttl = 30
[keys]
rotate_every = 86400
[tls]
listen = "127.0.0.1:0"
certificate = "tls.crt"
key = "tls.key"
client_ca = "/k/clients.pem"
url = "https://mtls.id.example:8443/"
[fetch]
ca = "roots.pem"
proxy = "http://proxy.example:3128"
allow_addresses = ["10.96.0.0/12", "::1"]
[[fetch.origin]]
url = "https://kubernetes.default.svc"
ca = "ca.crt"
bearer = "/k/token"
allow_addresses = ["10.96.0.1/32"]
[[fetch.origin]]
url = "https://id.example:8443"
[shutdown]
lame_duck = 5
"#;

#[test]
fn every_table_is_read() {
    let config = parse(&format!("{GOOD}{TABLES}")).unwrap();
    assert_eq!(config.secret_pepper, Path::new("/k/pepper"));
    assert_eq!((config.tokens, config.max_act_depth.get()), (bounds(60, 1800), 2));
    assert_eq!(Ok(config.status_ttl), StatusTtl::from_seconds(30));
    assert_eq!(config.rotate_every.as_seconds(), 86400);
    let files = TlsFiles {
        certificate: "etc/tls.crt".into(),
        key: "etc/tls.key".into(),
        client_ca: Some("/k/clients.pem".into()),
    };
    let url = Some("https://mtls.id.example:8443".to_owned());
    assert_eq!(config.tls, Some(Tls { listen: "127.0.0.1:0".parse().unwrap(), files, url }));
    let network = |text: &str| text.parse::<Network>().unwrap();
    let origin = |text| Origin::parse(text, PlainHttp::Never).unwrap();
    let proxy = Some("http://proxy.example:3128".parse().unwrap());
    assert_eq!(config.fetch.egress, Egress { ca: Some("etc/roots.pem".into()), proxy });
    assert_eq!(config.fetch.allowed, [network("10.96.0.0/12"), network("::1/128")]);
    let kubernetes = OriginAccess {
        origin: origin("https://kubernetes.default.svc"),
        ca: Some("etc/ca.crt".into()),
        bearer: Some("/k/token".into()),
        allowed: vec![network("10.96.0.1/32")],
    };
    let other =
        OriginAccess { origin: origin("https://id.example:8443"), ca: None, bearer: None, allowed: vec![] };
    assert_eq!(config.fetch.origins, [kubernetes, other]);
    assert_eq!(config.lame_duck, Duration::from_secs(5));
}

/// Each replaces a line of [`TABLES`] by one that is wrong, and expects the error there.
#[test]
fn every_error_in_a_table_names_its_line() {
    let text = format!("{GOOD}{TABLES}");
    for (line, wrong, message) in [
        (
            "max_lifetime = 1800",
            "max_lifetim = 1",
            "unknown field `max_lifetim`, expected one of `max_lifetime`, `default_lifetime`, `algorithm`, `max_act_depth`; \
             did you mean `max_lifetime`?",
        ),
        ("ttl = 30", "ttl = 0", "`ttl` must be 1 to 3600 seconds"),
        ("ttl = 30", "ttl = 3601", "`ttl` must be 1 to 3600 seconds"),
        ("max_lifetime = 1800", "max_lifetime = 0", "`max_lifetime` must be 1 to 3600 seconds"),
        ("max_lifetime = 1800", "max_lifetime = 3601", "`max_lifetime` must be 1 to 3600 seconds"),
        (
            "default_lifetime = 60",
            "default_lifetime = 0",
            "`default_lifetime` must be 1 to 1800 seconds, which is `max_lifetime`",
        ),
        (
            "default_lifetime = 60",
            "default_lifetime = 1801",
            "`default_lifetime` must be 1 to 1800 seconds, which is `max_lifetime`",
        ),
        ("rotate_every = 86400", "rotate_every = 739", "`rotate_every` must be 740 to 31622400 seconds"),
        ("rotate_every = 86400", "rotate_every = 31622401", "`rotate_every` must be 740 to 31622400 seconds"),
        (
            "proxy = \"http://proxy.example:3128\"",
            "proxy = \"socks5://proxy.example\"",
            "expected the URL of a proxy without path, user and password, such as `http://proxy.example:3128`",
        ),
        ("lame_duck = 5", "lame_duck = 301", "`lame_duck` must be 0 to 300 seconds"),
        ("max_act_depth = 2", "max_act_depth = 0", "`max_act_depth` must be 1 to 6"),
        ("max_act_depth = 2", "max_act_depth = 7", "`max_act_depth` must be 1 to 6"),
        (
            "certificate = \"tls.crt\"",
            "certificat = \"tls.crt\"",
            "unknown field `certificat`, expected one of `listen`, `certificate`, `key`, `client_ca`, `url`; did you \
             mean `certificate`?",
        ),
        ("certificate = \"tls.crt\"", "certificate = 1", "invalid type: integer `1`, expected path string"),
        (
            "url = \"https://mtls.id.example:8443/\"",
            "url = \"http://mtls.id.example\"",
            "http is refused: whoever is in between could replace what is fetched",
        ),
        (
            "url = \"https://mtls.id.example:8443/\"",
            "url = \"https://mtls.id.example/?a\"",
            "`url` is what endpoints are appended to: no query",
        ),
        (
            "allow_addresses = [\"10.96.0.1/32\"]",
            "allow_address = []",
            "unknown field `allow_address`, expected one of `url`, `ca`, `bearer`, `allow_addresses`; did you mean \
             `allow_addresses`?",
        ),
        (
            "allow_addresses = [\"10.96.0.1/32\"]",
            "allow_addresses = [\"10.96.0.1/12\"]",
            "10.96.0.1/12 is an address within a network; the network is 10.96.0.0/12",
        ),
        (
            "allow_addresses = [\"10.96.0.1/32\"]",
            "allow_addresses = [\"cluster\"]",
            "\"cluster\" is no network; write for example `10.96.0.0/12`, or one address",
        ),
        (
            "url = \"https://kubernetes.default.svc\"",
            "url = \"https://kubernetes.default.svc/openid\"",
            "the settings are for all of https://kubernetes.default.svc: leave out what follows it",
        ),
        (
            "url = \"https://id.example:8443\"",
            "url = \"https://kubernetes.default.svc:443\"",
            "the settings of https://kubernetes.default.svc are there already",
        ),
    ] {
        let number = text.lines().position(|it| it == line).unwrap() + 1;
        let expected = format!("etc/tessera.toml:{number}: {message}");
        assert_eq!(parse(&text.replace(line, wrong)).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_left_out_keeps_to_the_bound() {
    let config = parse(&format!("{GOOD}[tokens]\nmax_lifetime = 300\n")).unwrap();
    assert_eq!(config.tokens, bounds(300, 300));
}

#[test]
fn a_tls_listener_that_others_reach_needs_a_name_too() {
    let open = TABLES.replace("127.0.0.1:0", "0.0.0.0:0");
    let error = parse(&format!("{GOOD}{open}")).unwrap_err();
    assert!(matches!(error, ConfigError::NoIssuer { .. }), "{error}");
    parse(&format!("{GOOD}issuer = \"https://id.example\"\n{open}")).unwrap();
}

//! How every request leaves this process: whose certificates it trusts, and through which proxy.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// The variable that names the operating system's roots to OpenSSL, Go and the TLS library of this process.
pub(super) const ROOTS_VARIABLE: &str = "SSL_CERT_FILE";

/// How every request leaves this process, but for those over plain http to this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// A PEM file: the only roots. `None` for those of the operating system, or of the file that the variable
    /// `SSL_CERT_FILE` names. Read at the start, and again at each fetch.
    pub ca: Option<PathBuf>,
    /// The proxy to go through. `None` to go directly, whatever `HTTPS_PROXY` and its kin say.
    pub proxy: Option<EgressProxy>,
}

/// An HTTP proxy that opens tunnels (CONNECT, RFC 9110 §9.3.6): `http://proxy.example:3128`.
///
/// TLS goes through the tunnel, so the proxy sees the names of the servers and nothing of what is said. It resolves
/// these names: of the rules about addresses only those for addresses in a URL are left to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressProxy(Url);

/// Why a text is not an [`EgressProxy`]. Does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the URL of a proxy without path, user and password, such as `http://proxy.example:3128`")]
pub struct EgressProxyError;

impl Egress {
    /// The file of roots that counts: the one that is set, else the one that `variable` names.
    pub(super) fn roots(&self, variable: Option<OsString>) -> Option<PathBuf> {
        // An empty variable is as good as none (POSIX.1-2024 §8.1 leaves it to the program).
        self.ca.clone().or_else(|| variable.filter(|path| !path.is_empty()).map(PathBuf::from))
    }
}

impl EgressProxy {
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for EgressProxy {
    type Err = EgressProxyError;

    fn from_str(text: &str) -> Result<Self, EgressProxyError> {
        let url = Url::parse(text).map_err(|_| EgressProxyError)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let is_proxy =
            matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.fragment().is_none();
        if is_plain && is_proxy { Ok(Self(url)) } else { Err(EgressProxyError) }
    }
}

impl fmt::Display for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_scheme_a_host_and_a_port() {
        for text in ["http://proxy.example:3128", "http://10.0.0.1", "https://proxy.example:3128/"] {
            text.parse::<EgressProxy>().unwrap();
        }
        for text in [
            "proxy.example:3128",
            "socks5://proxy.example",
            "http://me:hunter2@proxy.example",
            "http://me@proxy.example",
            "http://proxy.example/path",
            "http://proxy.example/?a",
            "http://proxy.example/#a",
            "",
        ] {
            assert_eq!(text.parse::<EgressProxy>(), Err(EgressProxyError), "{text}");
        }
    }

    #[test]
    fn roots_are_the_setting_then_the_variable() {
        let set = Egress { ca: Some("set.pem".into()), proxy: None };
        assert_eq!(set.roots(Some("variable.pem".into())), Some("set.pem".into()));
        assert_eq!(Egress::default().roots(Some("variable.pem".into())), Some("variable.pem".into()));
        assert_eq!(Egress::default().roots(Some("".into())), None);
        assert_eq!(Egress::default().roots(None), None);
    }
}

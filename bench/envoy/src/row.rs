//! What is measured: the names of the rows, and which is held against which.

use std::str::FromStr;

/// A kind of token and policy: the first part of a row's name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What the token is signed with.
    pub(crate) algorithm: &'static str,
    /// How long it is, about. The built-in filter's cache takes tokens of 4096 bytes at most.
    pub(crate) token_bytes: usize,
    /// How many rules there are; the request meets the last one.
    pub(crate) rules: usize,
}

/// Who checks the token: the last part of a row's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Nobody: there is only the router.
    Plain,
    /// Nobody, but WebAssembly is asked.
    Noop,
    /// Envoy's own filter.
    JwtAuthn(Cache),
    /// Ours.
    Tessera(Crypto, Cache),
}

/// Whether verified tokens are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    Off,
    On,
}

/// Where our filter verifies signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crypto {
    /// Where it chooses to.
    Auto,
    /// In WebAssembly.
    Wasm,
}

/// A row, or all rows of a kind, by name.
#[derive(Debug, Clone)]
pub(crate) struct Only(String);

/// A name that no row has.
#[derive(Debug, thiserror::Error)]
#[error(
    "there are rows like {} and {}",
    row(Kind::ES256, Variant::Plain),
    row(Kind::RULES, Variant::Tessera(Crypto::Auto, Cache::On))
)]
pub(crate) struct UnknownRow;

impl Kind {
    const RS256: Self = Self { name: "rs256", algorithm: "RS256", token_bytes: 1000, rules: 1 };
    const ES256: Self = Self { name: "es256", algorithm: "ES256", ..Self::RS256 };
    const EDDSA: Self = Self { name: "eddsa", algorithm: "EdDSA", ..Self::RS256 };
    const LONG: Self = Self { name: "rs256-4k", token_bytes: 4000, ..Self::RS256 };
    const RULES: Self = Self { name: "rules-100", rules: 100, ..Self::RS256 };

    pub(crate) const ALL: [Self; 5] = [Self::RS256, Self::ES256, Self::EDDSA, Self::LONG, Self::RULES];
}

impl Variant {
    pub(crate) const ALL: [Self; 8] = [
        Self::Plain,
        Self::Noop,
        Self::JwtAuthn(Cache::Off),
        Self::Tessera(Crypto::Auto, Cache::Off),
        Self::Tessera(Crypto::Wasm, Cache::Off),
        Self::JwtAuthn(Cache::On),
        Self::Tessera(Crypto::Auto, Cache::On),
        Self::Tessera(Crypto::Wasm, Cache::On),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Noop => "noop",
            Self::JwtAuthn(Cache::Off) => "jwt_authn",
            Self::JwtAuthn(Cache::On) => "jwt_authn-cached",
            Self::Tessera(Crypto::Auto, Cache::Off) => "tessera-auto",
            Self::Tessera(Crypto::Auto, Cache::On) => "tessera-auto-cached",
            Self::Tessera(Crypto::Wasm, Cache::Off) => "tessera-wasm",
            Self::Tessera(Crypto::Wasm, Cache::On) => "tessera-wasm-cached",
        }
    }

    /// Whether it lets through only what bears a good token.
    pub(crate) fn verifies(self) -> bool {
        !matches!(self, Self::Plain | Self::Noop)
    }

    /// Whom its ratio is against.
    pub(crate) fn against(self) -> Self {
        match self {
            Self::Tessera(_, cache) => Self::JwtAuthn(cache),
            Self::Plain | Self::Noop | Self::JwtAuthn(_) => Self::JwtAuthn(Cache::Off),
        }
    }
}

impl FromStr for Only {
    type Err = UnknownRow;

    fn from_str(name: &str) -> Result<Self, UnknownRow> {
        let known = |kind: &Kind| {
            kind.name == name || Variant::ALL.into_iter().any(|variant| row(*kind, variant) == name)
        };
        if Kind::ALL.iter().any(known) { Ok(Self(name.to_owned())) } else { Err(UnknownRow) }
    }
}

/// The name of a row.
pub(crate) fn row(kind: Kind, variant: Variant) -> String {
    format!("{}/{}", kind.name, variant.name())
}

/// Whether a row is asked for. Who names none wants all.
pub(crate) fn is_wanted(only: &[Only], kind: Kind, variant: Variant) -> bool {
    only.is_empty() || only.iter().any(|Only(name)| *name == kind.name || *name == row(kind, variant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_their_names_or_their_kinds() {
        let chosen = |only: &[Only]| -> Vec<String> {
            let rows = Kind::ALL.into_iter().flat_map(|kind| Variant::ALL.map(|variant| (kind, variant)));
            rows.filter(|(kind, variant)| is_wanted(only, *kind, *variant))
                .map(|(kind, variant)| row(kind, variant))
                .collect()
        };
        let only = |name: &str| name.parse::<Only>().unwrap();
        assert_eq!(chosen(&[]).len(), 40);
        assert_eq!(
            chosen(&[only("eddsa/plain"), only("rules-100/jwt_authn")]),
            ["eddsa/plain", "rules-100/jwt_authn"]
        );
        assert_eq!(chosen(&[only("rs256")]).len(), 8);
        let error = "es384".parse::<Only>().unwrap_err().to_string();
        assert_eq!(error, "there are rows like es256/plain and rules-100/tessera-auto-cached");
    }

    #[test]
    fn what_remembers_is_held_against_what_remembers() {
        for variant in Variant::ALL {
            let other = variant.against();
            assert!(matches!(other, Variant::JwtAuthn(_)), "{variant:?}");
            if let Variant::Tessera(_, cache) = variant {
                assert_eq!(other, Variant::JwtAuthn(cache));
            }
        }
    }
}

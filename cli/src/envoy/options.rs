//! What a conversion is told beside the file.

use clap::ValueEnum;

/// What the file does not say.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// For providers that name no audience.
    pub(crate) audiences: Vec<String>,
    /// Whether tokens are read from the query where a provider does not say where they are.
    pub(crate) keep_query_tokens: bool,
    /// What the tokens are.
    pub(crate) profile: Profile,
}

/// What an issuer's tokens are, as `profile` of a policy has it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// Plain JWTs, of type JWT or none
    #[value(name = "jwt")]
    Jwt,
    /// Access tokens as RFC 9068 has them
    #[value(name = "at+jwt")]
    AccessToken,
}

impl Profile {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::AccessToken => "at+jwt",
        }
    }

    /// What a token has to have.
    pub(crate) const fn demands(self) -> &'static str {
        match self {
            Self::Jwt => {
                "a token has to be of type `JWT` or none, with `iss`, `sub` and `aud`, and without `crit`; for access \
                 tokens of type `at+jwt` add `--profile at+jwt`"
            }
            Self::AccessToken => {
                "a token has to be of type `at+jwt`, with `iss`, `sub`, `aud`, `client_id`, `iat` and `jti`, and without `crit`"
            }
        }
    }
}

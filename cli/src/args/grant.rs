//! `tessera grant`.

use clap::Subcommand;
use tessera_issuer::domain::{
    ClientId, CustomClaim, CustomClaimError, Description, Exchange, Lifetime, Scope, parse_claim,
};

use super::value::{Expiry, lifetime};

#[derive(Debug, Subcommand)]
pub(crate) enum GrantCommand {
    /// Let a client call an audience; replaces what was granted before
    #[command(after_help = "\
Examples:
  tessera grant add shop orders --scope orders:read
  tessera grant add shop mail --lifetime 60
  tessera grant add orders stock --scope stock:reserve --exchange orders:write=stock:reserve
  tessera grant add shop ledger --expires-in 14d --reason 'Migration, ticket 4711' --claim tenant=acme")]
    Add {
        /// Who calls
        client: ClientId,
        /// Who is called
        audience: ClientId,
        /// A scope out of those that the audience offers; repeat for more
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// Let the client trade a token that it was called with: who holds FROM at the client may have TO at the
        /// audience, which is a `--scope` of this grant [default: nothing is traded]. Repeat for more
        #[arg(long = "exchange", value_name = "FROM[=TO]")]
        exchanges: Vec<Exchange>,
        /// How long each token lives at most, 1 to 3600 [default: the audience's]
        #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
        lifetime: Option<Lifetime>,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<Description>,
        /// A claim for its tokens: roles, groups, entitlements (repeat for more values), tenant, environment, region
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
        claims: Vec<(CustomClaim, String)>,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Withdraw a grant; tokens already issued live until they expire
    Remove {
        /// Who could call
        client: ClientId,
        /// Whom
        audience: ClientId,
    },
    /// List the grants
    List,
}

fn claim(text: &str) -> Result<(CustomClaim, String), CustomClaimError> {
    parse_claim(text)
}

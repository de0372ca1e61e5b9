//! A small client service: proves itself, gets a token, calls another service with it.
//!
//! ```text
//! cargo run -p tessera-client --example call_service -- --issuer https://issuer.example \
//!     --assertion-file /var/run/secrets/tessera/assertion \
//!     --audience orders --scope orders:read --url https://orders.example/orders/7
//! ```
//!
//! The body goes to stdout, the status to stderr. Exit codes: 0 the service answered with success, 1 it did not, or
//! there was no token, 2 the command line is wrong.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tessera_client::{Credential, Request, TokenSource};

/// Call a service with an access token.
#[derive(Parser)]
struct Arguments {
    /// The issuer, exactly as its metadata names it
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// A file with the JWT that this workload's platform gave it
    #[arg(long, value_name = "FILE", required_unless_present = "secret_env", conflicts_with = "secret_env")]
    assertion_file: Option<PathBuf>,
    /// The environment variable that holds the client secret
    #[arg(long, value_name = "NAME", requires = "client_id")]
    secret_env: Option<String>,
    /// The client identifier that belongs to the secret
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The service to be called
    #[arg(long, value_name = "ID")]
    audience: String,
    /// A scope that the call needs; may be repeated
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// What to GET
    #[arg(long, value_name = "URL")]
    url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, Box<dyn Error>> {
    let credential = match (arguments.assertion_file, arguments.secret_env) {
        (Some(file), _) => Credential::assertion_file(file),
        (None, Some(name)) => {
            Credential::secret(arguments.client_id.unwrap_or_default(), std::env::var(name)?)
        }
        (None, None) => return Err("either --assertion-file or --secret-env is needed".into()),
    };
    let tokens = TokenSource::for_issuer(arguments.issuer).allow_http_loopback().build(credential)?;
    let request = Request::new(arguments.audience, arguments.scope)?;

    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut token = tokens.token(&request).await?;
    let mut answer = http.get(&arguments.url).header("authorization", token.bearer()).send().await?;
    // A callee may refuse a token before it expires, after a key was withdrawn for instance: one more try.
    if answer.status() == reqwest::StatusCode::UNAUTHORIZED && tokens.invalidate(&token) {
        token = tokens.token(&request).await?;
        answer = http.get(&arguments.url).header("authorization", token.bearer()).send().await?;
    }
    let status = answer.status();
    eprintln!("{status}");
    println!("{}", answer.text().await?);
    Ok(status.is_success())
}

//! Who is registered where, and who may call whom: by the command line, as an operator would do it.

use serde_json::Value;

use super::{
    BILLING, Issuer, LEDGER, ORDERS, PAYROLL, READ, REPORTS, SHORT_LIFETIME, StageError, WORKLOAD, WRITE,
};

pub(super) async fn at_platform(
    platform: &Issuer,
    issuer: &Issuer,
    commands: &mut Vec<String>,
) -> Result<String, StageError> {
    let audience = issuer.identifier();
    run(platform, commands, &["client", "add", &audience]).await?;
    let secret = run_for_secret(platform, commands, &["client", "add", WORKLOAD, "--secret"]).await?;
    run(platform, commands, &["grant", "add", WORKLOAD, &audience]).await?;
    Ok(secret)
}

pub(super) async fn at_issuer(
    issuer: &Issuer,
    platform: &Issuer,
    commands: &mut Vec<String>,
) -> Result<String, StageError> {
    let (foreign, keys) = (platform.identifier(), platform.jwks_uri());
    let trust = [
        "credential",
        "add-workload",
        BILLING,
        "--issuer",
        &foreign,
        "--jwks-uri",
        keys.as_str(),
        "--subject",
        WORKLOAD,
    ];
    let lifetime = SHORT_LIFETIME.to_string();
    let steps: [&[&str]; 8] = [
        &["client", "add", ORDERS, "--scope", READ, "--scope", WRITE],
        &["client", "add", LEDGER, "--scope", "ledger:read"],
        &["client", "add", PAYROLL, "--scope", "payroll:read"],
        &["client", "add", BILLING],
        // What the platform hands out are access tokens for the issuer, not plain JWTs.
        &[&trust[..], &["--profile", "at+jwt"]].concat(),
        &["grant", "add", BILLING, ORDERS, "--scope", READ, "--scope", WRITE],
        &["grant", "add", BILLING, LEDGER, "--scope", "ledger:read"],
        &["grant", "add", REPORTS, ORDERS, "--scope", READ, "--lifetime", &lifetime],
    ];
    let secret = run_for_secret(issuer, commands, &["client", "add", REPORTS, "--secret"]).await?;
    for step in steps {
        run(issuer, commands, step).await?;
    }
    Ok(secret)
}

async fn run(issuer: &Issuer, commands: &mut Vec<String>, args: &[&str]) -> Result<Value, StageError> {
    let answer = issuer.cli().run(args).await?;
    commands.push(format!("tessera --config {}/tessera.toml {}", issuer.server().name(), args.join(" ")));
    Ok(answer)
}

async fn run_for_secret(
    issuer: &Issuer,
    commands: &mut Vec<String>,
    args: &[&str],
) -> Result<String, StageError> {
    let answer = run(issuer, commands, args).await?;
    let secret = answer.get("secret").and_then(Value::as_str).map(str::to_owned);
    secret.ok_or_else(|| StageError::NoSecret { command: args.join(" ") })
}

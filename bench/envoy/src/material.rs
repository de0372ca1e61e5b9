//! Tokens, and the key that they are verified with: new ones in each run, minted by PyJWT.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tessera_tests::token::Token;

use crate::{
    error::{BenchError, refused},
    row::Kind,
    subject::Programs,
};

/// The issuer of every token here.
pub(crate) const ISSUER: &str = "https://issuer.example";
/// Whom every token is for.
pub(crate) const AUDIENCE: &str = "orders";

/// The header of a token: `{"alg":"RS256","kid":"pyjwt-RS256","typ":"at+jwt"}`.
const HEADER_BYTES: usize = 51;

/// How long tokens last, in seconds: longer than any run.
const LIFETIME: u64 = 4 * 60 * 60;

/// A token and its key.
pub(crate) struct Material {
    pub(crate) token: Token,
    /// The key set (RFC 7517 §5) of [`ISSUER`].
    pub(crate) jwks: Value,
}

impl Material {
    pub(crate) fn new(programs: &Programs, kind: Kind) -> Result<Self, BenchError> {
        // Three bytes of what a token holds are four of the token.
        let signature = if kind.algorithm == "RS256" { 256 } else { 64 };
        let claims = claims((kind.token_bytes * 3 / 4).saturating_sub(HEADER_BYTES + signature));
        let question = json!({ "ask": "mint", "claims": claims, "algorithms": [kind.algorithm] });
        Self::from_answer(&ask(programs, &question)?).ok_or_else(|| broken("it answered by no token"))
    }

    fn from_answer(minted: &str) -> Option<Self> {
        let minted: Value = serde_json::from_str(minted).ok()?;
        let minted = minted
            .as_array()?
            .iter()
            .find(|minted| minted.get("minter").is_some_and(|name| name == "PyJWT"))?;
        let token = Token::parse(minted.get("token")?.as_str()?).ok()?;
        Some(Self { token, jwks: json!({ "keys": [minted.get("jwk")?] }) })
    }
}

/// The claims of an access token (RFC 9068), with as many groups as make so many bytes of JSON.
fn claims(bytes: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let mut groups: Vec<String> = Vec::new();
    loop {
        let claims = json!({
            "iss": ISSUER,
            "sub": "checkout",
            "aud": AUDIENCE,
            "client_id": "checkout",
            "scope": "orders:read orders:write",
            "iat": now,
            "exp": now + LIFETIME,
            "jti": "9f1c2d3e4b5a69788796a5b400000001",
            "groups": groups,
        });
        if claims.to_string().len() >= bytes {
            return claims;
        }
        groups.push(format!("/department-{}/team", groups.len()));
    }
}

/// Puts a question to `tests/judges/judge.py`.
fn ask(programs: &Programs, question: &Value) -> Result<String, BenchError> {
    let run = || {
        let mut child = Command::new(&programs.python)
            .arg(programs.judges.join("judge.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Taken, so that it is closed: that is the end of the question.
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(question.to_string().as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(refused("run tests/judges/judge.py"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(broken(&format!("it ended with {}:\n{said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn broken(problem: &str) -> BenchError {
    BenchError::Mint(problem.to_owned())
}

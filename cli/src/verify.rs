//! `tessera verify`: what the verifier makes of a request, of many, or of a signature.

mod carrier;
mod cases;
mod component;
mod documents;
mod engine;
mod explain;
pub(crate) mod input;
mod judge;
mod native;
mod report;
mod signature;
mod steps;

use std::process::ExitCode;

use tessera_verifier::Backend;

use self::input::{Field, Moment, TokenArgument};
use crate::args::verify::Verify;
use crate::clock::now;
use crate::failure::Failure;

/// The signature alone: what only this program judges, since no host has a use for it.
fn signature_only(arguments: Verify, backend: Backend, json: bool) -> Result<ExitCode, Failure> {
    match arguments {
        Verify { component: Some(_), .. } => Err(Failure::Usage(
            "`--signature-only` is judged by this program alone: the component has no such export; leave `--component` out",
        )),
        Verify { policy: Some(_), .. } => {
            Err(Failure::Usage("`--signature-only` asks for no policy; leave `--policy` out"))
        }
        Verify { cases: Some(file), .. } => signature::cases(&file, backend).map(|()| ExitCode::SUCCESS),
        Verify { token: Some(token), jwks: Some(jwks), .. } => {
            signature::run(&token.read()?, &jwks, backend, json)
        }
        _ => Err(Failure::Usage(
            "`--signature-only` needs `--jwks FILE` and a TOKEN (`-` reads it from stdin), or `--cases FILE`",
        )),
    }
}

pub(super) fn run(arguments: Verify, json: bool) -> Result<ExitCode, Failure> {
    let backend = arguments.backend.into();
    if arguments.signature_only {
        return signature_only(arguments, backend, json);
    }
    if let Some(file) = &arguments.cases {
        let engine = match (arguments.native, arguments.component) {
            (true, _) => engine::Engine::Native(backend),
            (false, component) => engine::Engine::component(component)?,
        };
        return cases::run(file, &engine).map(|()| ExitCode::SUCCESS);
    }
    // clap waives what would contradict the token.
    if arguments.native || arguments.component.is_some() {
        return Err(Failure::Usage("`--native` and `--component` say who judges `--cases FILE`"));
    }
    let Some(policy) = arguments.policy else {
        return Err(Failure::Usage("say by which policy: add `--policy FILE`, or `--cases FILE`"));
    };
    if arguments.token.is_none() && arguments.url.is_none() {
        return Err(Failure::Usage(
            "say what is to be judged: a TOKEN (`-` reads it from stdin), a `--url`, or both",
        ));
    }
    let keys = match (arguments.jwks, arguments.fetch) {
        (Some(file), _) => explain::Keys::File(file),
        (None, true) => explain::Keys::Fetched,
        (None, false) => explain::Keys::OfPolicy,
    };
    let subject = explain::Subject {
        policy,
        keys,
        token: arguments.token.map(TokenArgument::read).transpose()?,
        now: arguments.now.map_or_else(now, Moment::into),
        request: arguments.url.map(|url| judge::Request {
            method: arguments.method.unwrap_or_else(|| "GET".to_owned()),
            ..judge::Request::to(&url, arguments.headers.into_iter().map(Field::into_pair).collect())
        }),
    };
    explain::run(subject, backend, json)
}

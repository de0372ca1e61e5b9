//! Grant × authentication method × judge: what there is, and how it is shown.

use super::{
    judge::{JUDGES, Judge},
    stage::{OTHER, SELF_SIGNED, WITH_CERTIFICATE, WITH_KEYS, WITH_KEYS_OF_OLD, WITH_SECRET, WITH_WORKLOAD},
};

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// One way to a token.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) grant: &'static str,
    /// What the judges know it as.
    pub(super) method: &'static str,
    /// The member of `token_endpoint_auth_methods_supported` that promises it; nothing where the grant proves the client.
    pub(super) promised_as: Option<&'static str>,
    /// What the table calls it.
    shown: &'static str,
    client: &'static str,
    judges: &'static [Judge],
}

use Judge::{Authlib, Jose, Oauth4webapi, OpenidClient, PyJwt, RequestsOauthlib};

/// OAuth clients that know nothing of JWTs beyond what they are given.
const BY_SECRET: &[Judge] = &[Oauth4webapi, OpenidClient, Authlib, RequestsOauthlib];
const BY_CERTIFICATE: &[Judge] = &[Oauth4webapi, OpenidClient, Authlib, RequestsOauthlib, PyJwt];

/// All of them. One place in memory: what was found is told apart by it.
pub(super) static WAYS: [Way; 7] = [
    Way::of("client_secret_basic", "`client_secret_basic`", WITH_SECRET, BY_SECRET),
    Way::of("client_secret_post", "`client_secret_post`", OTHER, BY_SECRET),
    Way::of(
        "private_key_jwt",
        "`private_key_jwt`",
        WITH_KEYS,
        &[Oauth4webapi, OpenidClient, Jose, Authlib, PyJwt],
    ),
    Way {
        promised_as: Some("private_key_jwt"),
        ..Way::of(
            "client_assertion",
            "a platform's JWT as `client_assertion`",
            WITH_WORKLOAD,
            &[Oauth4webapi, OpenidClient, Jose, PyJwt],
        )
    },
    Way::of("tls_client_auth", "`tls_client_auth`", WITH_CERTIFICATE, BY_CERTIFICATE),
    Way::of("self_signed_tls_client_auth", "`self_signed_tls_client_auth`", SELF_SIGNED, BY_CERTIFICATE),
    Way {
        grant: JWT_BEARER,
        promised_as: None,
        ..Way::of("none", "a platform's JWT as `assertion`", WITH_WORKLOAD, &JUDGES)
    },
];

impl Way {
    const fn of(
        method: &'static str,
        shown: &'static str,
        client: &'static str,
        judges: &'static [Judge],
    ) -> Self {
        Self { grant: CLIENT_CREDENTIALS, method, promised_as: Some(method), shown, client, judges }
    }

    /// Who walks it.
    pub(super) fn judges(&self) -> &'static [Judge] {
        self.judges
    }

    /// Whether this judge needs the switch for assertions that name the token endpoint's URL.
    pub(super) fn is_of_old(&self, judge: Judge) -> bool {
        self.method == "private_key_jwt" && judge == Authlib
    }

    /// As which client this judge walks it.
    pub(super) fn client(&self, judge: Judge) -> &'static str {
        if self.is_of_old(judge) { WITH_KEYS_OF_OLD } else { self.client }
    }
}

const HEAD: &str = "# Who has judged the token endpoint

Clients and verifiers that are not ours get tokens from a running issuer in every way it offers, check them against the
keys that its metadata leads to, and see the right error when they are refused. `tests/end-to-end/issuer/clients.rs` does it, with
the programs in `tests/judges`; this page is what it found, and the test fails when it is not.

In each cell: the algorithm of the token that the judge got. `jose` verified it where the judge is of npm, PyJWT where it
is of PyPI, and our own verifier everywhere. A dash: the judge has no such way.

";

const FOOT: &str = "
¹ With the switch `--audience-token-endpoint` of its credential: Authlib puts the token endpoint's URL into `aud`, as
RFC 7523 once suggested, where the issuer otherwise takes nothing but its own identifier.

`jose` and PyJWT are no OAuth clients: they make the assertion, and `fetch` and `requests` send the form.
";

/// The document, from the algorithm that each judge found on each way.
pub(super) fn document(found: &[(&Way, Judge, &str)]) -> String {
    let mut text = HEAD.to_owned();
    let names: Vec<String> = JUDGES.iter().map(|judge| format!(" {} |", judge.name())).collect();
    let rule = "---|".repeat(JUDGES.len());
    text.extend(["| grant | the client proves itself by |", &names.concat(), "\n|---|---|", &rule, "\n"]);
    for way in &WAYS {
        let cell = |judge: &Judge| {
            let mut cells = found.iter().filter(|(at, by, _)| std::ptr::eq(*at, way) && by == judge);
            let mark = if way.is_of_old(*judge) { " ¹" } else { "" };
            cells.next().map_or(" — |".to_owned(), |(.., algorithm)| format!(" {algorithm}{mark} |"))
        };
        let cells: String = JUDGES.iter().map(cell).collect();
        let grant = way.grant.rsplit(':').next().unwrap_or(way.grant);
        text.extend(["| `", grant, "` | ", way.shown, " |", &cells, "\n"]);
    }
    text + FOOT
}

//! Questions to a verifier and its answers, the same for the library in this program and the component under wasmtime.

/// A request to be judged.
#[derive(Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The Host field or the authority.
    pub(super) host: String,
    /// Path and query, undecoded.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

/// What was decided.
pub(super) enum Verdict {
    Allow(Grant),
    Deny(Rejection),
    /// The verifier answers with a document of its own.
    Answer {
        status: u16,
    },
}

/// What goes upstream.
pub(super) struct Grant {
    pub(super) identity: Option<Identity>,
    pub(super) remove: Vec<String>,
    pub(super) set: Vec<(String, String)>,
    pub(super) target: Option<String>,
    /// The refusal that a dry run lets through.
    pub(super) refusal: Option<Box<Rejection>>,
}

pub(super) struct Identity {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) client: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) expiry: u64,
}

pub(super) struct Rejection {
    pub(super) error: String,
    pub(super) reason: String,
    /// How the caller is answered; nothing when there is no request to answer.
    pub(super) status: Option<u16>,
    pub(super) challenge: Option<String>,
    /// Where the library judged: its error, with the evidence.
    pub(super) evidence: Option<tessera_verifier::Error>,
}

impl Verdict {
    /// Why the request is refused, or would be but for a dry run.
    pub(super) fn refusal(&self) -> Option<&Rejection> {
        match self {
            Self::Allow(grant) => grant.refusal.as_deref(),
            Self::Deny(rejection) => Some(rejection),
            Self::Answer { .. } => None,
        }
    }
}

/// A document that is needed for the decision.
pub(super) struct Want {
    pub(super) id: String,
    pub(super) url: String,
}

/// A document that was fetched.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) cache_control: String,
}

/// What a judge says when asked.
pub(super) enum Answer {
    Decided(Verdict),
    /// Fetch this, then ask again with this attempt.
    Fetch(Want, u64),
}

/// A verifier with a policy loaded.
pub(super) trait Judge {
    /// Answers a question, by the step of an attempt: 0, then what came with the last answer.
    fn ask(&mut self, question: Question<'_>, attempt: u64, now: u64) -> Answer;
    fn supply(&mut self, id: &str, document: &Document, now: u64);
    fn fail(&mut self, id: &str, now: u64);
}

/// What is asked about.
#[derive(Clone, Copy)]
pub(super) enum Question<'q> {
    Request(&'q Request),
    /// A token apart from any request. Only the library is asked that.
    Token(&'q str),
}

/// Asks until there is a decision. `fetch` GETs a document, if it can be had.
pub(super) fn decide(
    judge: &mut dyn Judge,
    question: Question<'_>,
    now: u64,
    mut fetch: impl FnMut(&Want) -> Option<Document>,
) -> Verdict {
    let mut attempt = 0;
    loop {
        match judge.ask(question, attempt, now) {
            Answer::Decided(verdict) => return verdict,
            Answer::Fetch(want, next) => {
                match fetch(&want) {
                    Some(document) => judge.supply(&want.id, &document, now),
                    None => judge.fail(&want.id, now),
                }
                attempt = next;
            }
        }
    }
}

impl Request {
    /// A request to a URL, or to a path and query; as it is, nothing decoded or normalised on the way.
    pub(super) fn to(url: &str, headers: Vec<(String, String)>) -> Self {
        let (host, target) = match url.split_once("://") {
            Some((_, rest)) if !url.starts_with('/') => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                rest.split_at_checked(end).unwrap_or((rest, ""))
            }
            _ => ("", url),
        };
        let target = if target.starts_with(['?', '#']) || target.is_empty() {
            format!("/{target}")
        } else {
            target.to_owned()
        };
        let named =
            || headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| &**value);
        let host = if host.is_empty() { named().unwrap_or_default() } else { host };
        Self { method: "GET".to_owned(), host: host.to_owned(), target, headers }
    }
}

impl Rejection {
    /// What a host says when its verifier fails.
    pub(super) fn failed(reason: String) -> Self {
        Self {
            error: "verifier-failed".to_owned(),
            reason,
            status: Some(503),
            challenge: None,
            evidence: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_not_touched() {
        for (url, host, target) in [
            ("https://orders.example/a/../b%2f?x=1", "orders.example", "/a/../b%2f?x=1"),
            ("https://orders.example:8443", "orders.example:8443", "/"),
            ("https://orders.example?x", "orders.example", "/?x"),
            ("/orders?next=https://shop.example/", "", "/orders?next=https://shop.example/"),
            ("orders", "", "orders"),
            ("", "", "/"),
        ] {
            let request = Request::to(url, Vec::new());
            assert_eq!((&*request.host, &*request.target), (host, target), "{url}");
        }
        let request = Request::to("/x", vec![("HOST".to_owned(), "orders.example".to_owned())]);
        assert_eq!(request.host, "orders.example");
    }
}

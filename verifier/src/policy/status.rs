//! What a policy says about the status of an issuer's tokens (draft-ietf-oauth-status-list).

use alloc::{format, string::String};

use super::{
    UrlRules,
    grammar::{Number, Settings, Shape, Text, fields},
    reader::Fault,
    suggestion::did_you_mean,
    url,
};
use crate::{json::Object, limits};

fields! {
    /// The status of an issuer's tokens, as its status lists have it (draft-ietf-oauth-status-list): tokens that it
    /// has revoked or suspended are refused.
    pub(super) static STATUS {
        /// Where the issuer's status lists are: what their URLs begin with, up to a slash. Tokens that name a list
        /// elsewhere are refused.
        "lists": required Shape::Text(&PREFIX),
        /// Tokens without a status are refused.
        "required": optional Shape::Flag,
        /// How long beyond its freshness the last good list may serve while fetching fails, in seconds; never beyond
        /// its own `exp`.
        "max_stale": optional Shape::Number(&MAX_STALE),
        /// What becomes of good tokens whose list cannot be had. `refuse`: the request is refused, as while keys are
        /// missing. `accept`: it passes, and so do tokens that were revoked.
        "while_missing": optional Shape::Text(&WHILE_MISSING),
    }
}

/// At most an hour: a list that is older says little.
static MAX_STALE: Number =
    Number { unit: "seconds", min: 0, max: 60 * 60, default: limits::STATUS_STALE_SECONDS };

const WHEN_MISSING: &[&str] = &["refuse", "accept"];

static WHILE_MISSING: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Words(|| WHEN_MISSING.to_vec()),
    check: |text, _| {
        (!WHEN_MISSING.contains(&text)).then(|| Fault {
            message: format!("`{text}` is no answer; there are {}", WHEN_MISSING.join(" and ")),
            suggestion: did_you_mean(text, WHEN_MISSING),
        })
    },
};

static PREFIX: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Format("uri"),
    check: prefix_fault,
};

/// What a policy asks about the status of an issuer's tokens.
#[derive(Clone, Debug)]
pub(crate) struct StatusRules {
    /// What the URLs of the lists begin with. It ends with a slash.
    prefix: String,
    urls: UrlRules,
    /// Whether every token has to have a status.
    pub(crate) required: bool,
    /// How long a list serves beyond its freshness, in seconds.
    pub(crate) max_stale: u64,
    /// Whether tokens pass whose list cannot be had.
    pub(crate) accepts_missing: bool,
}

impl StatusRules {
    /// What an issuer's member `status` says.
    pub(super) fn read(status: &Object<'_>, urls: UrlRules) -> Option<Self> {
        Some(Self {
            prefix: status.owned_text("lists")?,
            urls,
            required: status.flag("required"),
            max_stale: status.number("max_stale", &MAX_STALE),
            accepts_missing: status.text("while_missing") == Some("accept"),
        })
    }

    /// What the URLs of the lists begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a list at this URL is one of the issuer's. No part of the URL can lead out of the prefix again, however
    /// it is normalized on its way (RFC 3986 §6.2.2).
    pub(crate) fn cover(&self, url: &str) -> bool {
        let Some(rest) = url.strip_prefix(self.prefix.as_str()) else { return false };
        self.urls.allow(url) && !rest.is_empty() && stays_below(rest)
    }
}

/// Whether a reference that is put behind a slash leads below it.
fn stays_below(rest: &str) -> bool {
    let (path, _) = rest.split_once('?').unwrap_or((rest, ""));
    !rest.contains(['%', '#']) && path.split('/').all(|segment| !matches!(segment, "." | ".."))
}

fn prefix_fault(text: &str, settings: Settings) -> Option<Fault> {
    if let Some(fault) = url::fault(text, settings.http_loopback) {
        return Some(fault);
    }
    if !stays_below(text) || text.contains('?') {
        return Some(Fault::new("expected a plain URL: no query, no fragment, no `%`, no `.` segments"));
    }
    (!text.ends_with('/')).then(|| Fault {
        message: "the URL has to end with a slash: what it begins with could be another's, else".into(),
        suggestion: Some(format!("write `{text}/`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> StatusRules {
        StatusRules {
            prefix: "https://issuer.example/v1/status/".into(),
            urls: UrlRules::HTTPS_ONLY,
            required: false,
            max_stale: 0,
            accepts_missing: false,
        }
    }

    #[test]
    fn lists_lie_below_the_prefix() {
        for below in ["1", "a/b", "a.b", "a..b", "?id=1", "1?next=../x", "x_y~z-0"] {
            assert!(rules().cover(&format!("https://issuer.example/v1/status/{below}")), "{below}");
        }
        for url in [
            "https://issuer.example/v1/status/",
            "https://issuer.example/v1/status",
            "https://issuer.example/v1/status-of-another/1",
            "http://issuer.example/v1/status/1",
            "https://ISSUER.example/v1/status/1",
            "https://issuer.example/v1/status/../token",
            "https://issuer.example/v1/status/a/./b",
            "https://issuer.example/v1/status/..",
            "https://issuer.example/v1/status/%2e%2e/token",
            "https://issuer.example/v1/status/a#b",
            "https://issuer.example/v1/status/a b",
            "https://issuer.example/v1/status/a\\..\\b",
            "https://issuer.example/v1/status/é",
        ] {
            assert!(!rules().cover(url), "{url}");
        }
        let long = format!("https://issuer.example/v1/status/{}", "x".repeat(limits::IDENTIFIER_BYTES));
        assert!(!rules().cover(&long));
    }
}

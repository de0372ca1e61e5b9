//! Exchanges as text for people: tokens shortened, secrets masked.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::form_urlencoded;

use super::Exchange;

/// A line of a shown exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What kind of line it is, for whoever colours it.
    pub part: Part,
    /// The text.
    pub text: String,
}

/// The parts of a shown exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The request's method and target.
    Request,
    /// The response's status.
    Response,
    /// A header field or a piece of a body.
    Detail,
}

/// Header fields of a request that say something in the story.
const TELLING_REQUEST: [HeaderName; 2] = [header::AUTHORIZATION, header::CONTENT_TYPE];

/// Header fields of a response that say something in the story.
const TELLING_RESPONSE: [HeaderName; 4] =
    [header::WWW_AUTHENTICATE, header::CACHE_CONTROL, header::ETAG, header::CONTENT_TYPE];

/// Form fields whose value nobody but the two parties may see.
const SECRET_FIELDS: [&str; 1] = ["client_secret"];

/// What stays of a token at each end: enough to tell two apart, nothing to use.
const KEPT: usize = 10;

/// Bodies are shown up to this many characters.
const SHOWN_BODY: usize = 600;

const MASKED: &str = "••••••••";

impl Exchange {
    /// The exchange as lines to print.
    #[must_use]
    pub fn show(&self) -> Vec<Line> {
        let mut lines = vec![Line { part: Part::Request, text: format!("→ {} {}", self.method, self.url) }];
        lines.extend(fields(&self.request_headers, &TELLING_REQUEST));
        lines.extend(self.shown_request_body().map(|text| detail(&text)));
        lines.push(Line { part: Part::Response, text: format!("← {}", self.status) });
        lines.extend(fields(&self.headers, &TELLING_RESPONSE));
        if !self.body.is_empty() {
            lines.push(detail(&bounded(&shorten(&self.body))));
        }
        lines
    }

    /// A form field by field, any other body as it is.
    fn shown_request_body(&self) -> impl Iterator<Item = String> {
        let form = self.request_headers.get(header::CONTENT_TYPE);
        let form = form.is_some_and(|value| value == "application/x-www-form-urlencoded");
        let pairs = form.then(|| form_urlencoded::parse(self.request_body.as_bytes()));
        let fields = pairs.into_iter().flatten().map(|(name, value)| {
            let value = if SECRET_FIELDS.contains(&&*name) { MASKED.to_owned() } else { shorten(&value) };
            format!("{name}={value}")
        });
        let whole = (!form && !self.request_body.is_empty()).then(|| bounded(&shorten(&self.request_body)));
        fields.chain(whole)
    }
}

fn detail(text: &str) -> Line {
    Line { part: Part::Detail, text: format!("    {text}") }
}

fn fields(headers: &HeaderMap, telling: &[HeaderName]) -> impl Iterator<Item = Line> {
    telling
        .iter()
        .flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)))
        .map(|(name, value)| detail(&format!("{name}: {}", field_value(name, value))))
}

fn field_value(name: &HeaderName, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.split_once(' ') {
        // A token keeps its ends, to be told from others; any other credential keeps nothing.
        Some((scheme, _)) if name == header::AUTHORIZATION && !scheme.eq_ignore_ascii_case("bearer") => {
            format!("{scheme} {MASKED}")
        }
        _ => shorten(&text),
    }
}

/// Shortens every token in a text: whatever looks like a JWT, that is base64url words joined by dots of which the
/// first begins a JSON object.
#[must_use]
pub fn shorten(text: &str) -> String {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !part_of_token(c)).unwrap_or(rest.len()));
        let kept = |mut text: String| {
            text.truncate(KEPT);
            text
        };
        if word.starts_with("eyJ") && word.len() > 3 * KEPT {
            let end: String = word.chars().skip(word.len() - KEPT).collect();
            shown.extend([&kept(word.to_owned()), "…", &end]);
        } else {
            shown.push_str(word);
        }
        let mut after = after.chars();
        shown.extend(after.next());
        rest = after.as_str();
    }
    shown
}

fn bounded(text: &str) -> String {
    let flat = text.trim_end().replace('\n', " ");
    match flat.char_indices().nth(SHOWN_BODY) {
        Some((end, _)) => format!("{}… ({} bytes)", flat.split_at(end).0, text.len()),
        None => flat,
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use url::Url;

    use super::*;
    use crate::http::{get, post_form};

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIn0.c2lnbmF0dXJlc2lnbmF0dXJl";

    fn exchange(call: crate::http::Call, body: &str) -> Exchange {
        Exchange {
            method: call.method,
            url: call.url,
            request_headers: call.headers,
            request_body: call.body,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn tokens_are_shortened_wherever_they_stand() {
        let url = Url::parse("http://127.0.0.1/v1/token").unwrap();
        let shown = exchange(get(url.clone()).bearer(TOKEN), &format!("{{\"access_token\":\"{TOKEN}\"}}"));
        let form = exchange(post_form(url, &[("assertion", TOKEN)]), "");
        for text in [format!("{shown:?}"), format!("{form:?}")] {
            assert!(!text.contains("eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIn0"), "{text}");
            assert!(text.contains("eyJhbGciOi…"), "{text}");
        }
    }

    #[test]
    fn secrets_are_masked() {
        let url = Url::parse("http://127.0.0.1/v1/token").unwrap();
        let basic = exchange(get(url.clone()).basic("billing", "hunter2"), "");
        let post = exchange(post_form(url, &[("client_id", "billing"), ("client_secret", "hunter2")]), "");
        for text in [format!("{basic:?}"), format!("{post:?}")] {
            assert!(!text.contains("hunter2") && !text.contains("YmlsbGluZzpodW50ZXIy"), "{text}");
            assert!(text.contains(MASKED), "{text}");
        }
    }

    #[test]
    fn other_words_stay_whole() {
        let text = "{\"token_type\":\"Bearer\",\"eyJ\":1} naïve …";
        assert_eq!(shorten(text), text);
        assert_eq!(exchange(get(Url::parse("http://h/").unwrap()), "").method, Method::GET);
    }
}

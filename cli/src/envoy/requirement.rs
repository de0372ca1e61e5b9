//! `JwtRequirement`: which tokens are asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::message::{Message, Placed};
use super::note::Notes;
use super::options::Options;
use super::provider::{self, Provider};

const KNOWN: &[&str] = &[
    "provider_name",
    "provider_and_audiences",
    "requires_any",
    "requires_all",
    "allow_missing_or_failed",
    "allow_missing",
    "extract_only_without_validation",
];

/// Requirements that name no provider, and so speak of all.
const BYPASSES: &[&str] = &["allow_missing_or_failed", "allow_missing", "extract_only_without_validation"];

/// What a request needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Access {
    /// Nothing: no token is looked at.
    Public,
    /// A token.
    Token {
        need: Need,
        /// Whether a request without any passes, too.
        optional: bool,
    },
}

/// What a token has to be like.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Need {
    /// One of a provider, for one of these audiences.
    Of {
        provider: String,
        audiences: Vec<String>,
    },
    Any(Vec<Need>),
    All(Vec<Need>),
}

/// The providers of a filter. Those that nothing asks for are never read.
pub(super) struct Providers<'v> {
    written: BTreeMap<String, Placed<'v>>,
    read: RefCell<BTreeMap<String, Option<Provider>>>,
    options: &'v Options,
    notes: &'v Notes,
}

impl<'v> Providers<'v> {
    pub(super) fn new(written: BTreeMap<String, Placed<'v>>, options: &'v Options, notes: &'v Notes) -> Self {
        Self { written, read: RefCell::default(), options, notes }
    }

    /// A provider; none if it cannot be converted, which is among the notes.
    pub(super) fn get(&self, name: &str) -> Option<Provider> {
        if let Some(read) = self.read.borrow().get(name) {
            return read.clone();
        }
        let written = self.written.get(name)?;
        let read = Provider::read(written.value, &written.place, self.options, self.notes);
        self.read.borrow_mut().insert(name.to_owned(), read.clone());
        read
    }

    /// Says which providers nothing asked for.
    pub(super) fn note_unused(&self) {
        for (name, written) in &self.written {
            if !self.read.borrow().contains_key(name) {
                self.notes.dropped(written.place.clone(), "nothing asks for this provider's tokens");
            }
        }
    }

    /// What a requirement says; nothing if that cannot be converted.
    pub(super) fn access(&self, requirement: &Placed<'v>) -> Option<Access> {
        let message = Message::read(requirement.value, &requirement.place, KNOWN, self.notes);
        let given = message.given(KNOWN);
        let &[kind] = given.as_slice() else {
            if given.is_empty() {
                return Some(Access::Public);
            }
            self.notes.refuse(message.place, "there is more than one requirement here");
            return None;
        };
        let place = message.place_of(kind);
        match kind {
            "provider_name" => self.one(message.text(kind)?, &place, None),
            "provider_and_audiences" => {
                let inner = message.message(kind, &["provider_name", "audiences"])?;
                let name = inner.text("provider_name").unwrap_or_default();
                // An empty list leaves the provider's.
                let own = !inner.texts("audiences").is_empty();
                let audiences =
                    if own { Some(provider::audiences(&inner, self.options, self.notes)?) } else { None };
                self.one(name, &inner.place_of("provider_name"), audiences)
            }
            "requires_any" => self.any(&message.message(kind, &["requirements"])?),
            "requires_all" => self.all(&message.message(kind, &["requirements"])?),
            _ => {
                self.note_bypass(kind, &place);
                self.optional(&place)
            }
        }
    }

    /// Says what of a requirement that names no provider is not taken over.
    fn note_bypass(&self, kind: &str, place: &str) {
        let text = match kind {
            "allow_missing_or_failed" => {
                "a request without a token passes, and one with a bad token is refused; make the route `public` if the \
                 service looks at tokens itself"
            }
            "extract_only_without_validation" => {
                "a request without a token passes; nothing is taken out of a token that is not verified, and one that is \
                 bad is refused"
            }
            _ => return,
        };
        self.notes.stricter(place, text);
    }

    fn one(&self, name: &str, place: &str, audiences: Option<Vec<String>>) -> Option<Access> {
        if !self.written.contains_key(name) {
            self.notes.refuse(place, "there is no provider of this name");
            return None;
        }
        let provider = self.get(name)?;
        let audiences = audiences.unwrap_or(provider.audiences);
        let need = Need::Of { provider: name.to_owned(), audiences };
        Some(Access::Token { need, optional: false })
    }

    /// A token of any provider, or none.
    fn optional(&self, place: &str) -> Option<Access> {
        let mut needs = Vec::new();
        for name in self.written.keys() {
            let Some(Access::Token { need, .. }) = self.one(name, place, None) else { return None };
            needs.push(need);
        }
        if needs.is_empty() {
            return Some(Access::Public);
        }
        Some(Access::Token { need: Need::any(needs), optional: true })
    }

    fn any(&self, list: &Message<'v>) -> Option<Access> {
        let (mut needs, mut is_optional, mut without) = (Vec::new(), false, None);
        for requirement in list.list("requirements") {
            let message = Message::read(requirement.value, &requirement.place, KNOWN, self.notes);
            // Beside providers, these only add that there may be no token.
            if let &[kind] = message.given(BYPASSES).as_slice() {
                self.note_bypass(kind, &message.place_of(kind));
                (is_optional, without) = (true, Some(message.place_of(kind)));
                continue;
            }
            match self.access(&requirement)? {
                Access::Public => return Some(Access::Public),
                Access::Token { need, optional } => {
                    is_optional |= optional;
                    needs.push(need);
                }
            }
        }
        match (needs.is_empty(), without) {
            (false, _) => Some(Access::Token { need: Need::any(needs), optional: is_optional }),
            (true, Some(place)) => self.optional(&place),
            (true, None) => {
                self.notes.refuse(list.place.clone(), "`requirements` is expected here");
                None
            }
        }
    }

    fn all(&self, list: &Message<'v>) -> Option<Access> {
        let mut needs = Vec::new();
        let requirements = list.list("requirements");
        let alone = requirements.len() == 1;
        for requirement in requirements {
            match self.access(&requirement)? {
                Access::Public => {}
                access @ Access::Token { .. } if alone => return Some(access),
                Access::Token { optional: true, .. } => {
                    let text = "a token that may be missing, together with one that may not: say which of the two holds";
                    self.notes.refuse(requirement.place, text);
                    return None;
                }
                Access::Token { need, .. } => needs.push(need),
            }
        }
        if needs.is_empty() {
            return Some(Access::Public);
        }
        let need = Need::All(needs);
        let providers: Vec<Provider> =
            need.providers().into_iter().filter_map(|name| self.get(name)).collect();
        let is_one_token = providers.windows(2).all(
            |pair| matches!(pair, [one, other] if one.issuer == other.issuer && one.tokens == other.tokens),
        );
        if !is_one_token {
            let text = "this asks for several tokens at once, and a request with two tokens is refused here";
            self.notes.refuse(list.place.clone(), text);
            return None;
        }
        Some(Access::Token { need, optional: false })
    }
}

impl Need {
    fn any(mut needs: Vec<Self>) -> Self {
        if needs.len() == 1
            && let Some(need) = needs.pop()
        {
            return need;
        }
        Self::Any(needs)
    }

    /// The names of the providers in it.
    pub(super) fn providers(&self) -> Vec<&str> {
        match self {
            Self::Of { provider, .. } => vec![provider],
            Self::Any(needs) | Self::All(needs) => needs.iter().flat_map(Self::providers).collect(),
        }
    }
}

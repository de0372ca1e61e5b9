//! What a route asks of a token.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{
    condition::{CONDITIONS, ClaimPaths, Condition},
    grammar::{Shape, TEXTS, Text, fields},
    reader::{Fault, Place, Reader},
    suggestion::did_you_mean,
};
use crate::{
    decision::VerifiedToken,
    error::Error,
    excerpt::Excerpt,
    json::{Node, Object},
    scope::is_scope,
};

fields! {
    /// What a token has to be like: everything that is said has to hold.
    pub(super) static REQUIREMENT {
        /// The scopes that the token must have, all of them.
        "scopes": optional SCOPES,
        /// Scopes of which the token must have one.
        "any_scopes": optional SCOPES,
        /// The audiences of which the token must name one, instead of the policy's.
        "audiences": optional TEXTS,
        /// The issuers of which the token must come from one. They are among the policy's.
        "issuers": optional TEXTS,
        /// Conditions on claims, which all have to hold.
        "claims": optional CONDITIONS,
        /// Requirements of which one has to hold.
        "any_of": optional Shape::List(&REQUIREMENT_SHAPE),
        /// Requirements which all have to hold.
        "all_of": optional Shape::List(&REQUIREMENT_SHAPE),
    }
}

/// A static, since requirements hold requirements.
pub(super) static REQUIREMENT_SHAPE: Shape = Shape::Object(&REQUIREMENT);
pub(super) const SCOPES: Shape = Shape::List(&Shape::Text(&SCOPE));

static SCOPE: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern(r"^[!#-\[\]-~]+$"),
    check: |text, _| {
        (!is_scope(text)).then(|| Fault::new(alloc::format!("`{text}` is no scope (RFC 6749 §3.3)")))
    },
};

/// What a token has to be like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requirement {
    scopes: Vec<String>,
    any_scopes: Vec<String>,
    /// Instead of those of the policy, if there are any.
    audiences: Vec<String>,
    /// Empty for all of the policy's.
    issuers: Vec<String>,
    claims: Vec<Condition>,
    any_of: Vec<Requirement>,
    all_of: Vec<Requirement>,
}

impl Requirement {
    /// A good token and nothing else.
    pub(crate) const ANY_TOKEN: &'static Self = &Self {
        scopes: Vec::new(),
        any_scopes: Vec::new(),
        audiences: Vec::new(),
        issuers: Vec::new(),
        claims: Vec::new(),
        any_of: Vec::new(),
        all_of: Vec::new(),
    };

    /// Reads the members of an object whose grammar was checked.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        object: &Object<'_>,
        place: &Place<'_>,
        issuers: &[&str],
        paths: &mut ClaimPaths,
    ) -> Self {
        for (index, node) in object.list("issuers").iter().enumerate() {
            if let Some(name) = node.as_text().filter(|name| !issuers.contains(name)) {
                let place = place.member("issuers");
                let message = alloc::format!("`{name}` is none of the policy's issuers");
                reader.problem(node, &place.element(index), message, did_you_mean(name, issuers));
            }
        }
        let mut nested = |name: &str| -> Vec<Self> {
            let place = place.member(name);
            let mut read = |(index, node): (usize, &Node<'_>)| {
                let object = node.as_object()?;
                Some(Self::read(reader, object, &place.element(index), issuers, paths))
            };
            object.list(name).iter().enumerate().filter_map(&mut read).collect()
        };
        Self {
            any_of: nested("any_of"),
            all_of: nested("all_of"),
            scopes: object.texts("scopes"),
            any_scopes: object.texts("any_scopes"),
            audiences: object.texts("audiences"),
            issuers: object.texts("issuers"),
            claims: Condition::read_all(object.list("claims"), paths),
        }
    }

    /// Whether a token meets this. `audiences` are those that hold where this one says nothing.
    ///
    /// An audience is asked for once on every way through alternatives, so that none of them is a way
    /// around it.
    pub(crate) fn check(
        &self,
        token: &VerifiedToken,
        audiences: &[String],
        paths: &ClaimPaths,
    ) -> Result<(), Error> {
        let is_last = self.any_of.is_empty() && self.all_of.is_empty();
        if is_last || !self.audiences.is_empty() {
            check_audience(token, if self.audiences.is_empty() { audiences } else { &self.audiences })?;
        }
        let audiences = if self.audiences.is_empty() { audiences } else { &self.audiences };
        if !self.issuers.is_empty() && !self.issuers.iter().any(|issuer| issuer == token.issuer()) {
            return Err(Error::IssuerNotAllowed { issuer: token.issuer().to_owned() });
        }
        self.check_scopes(token)?;
        if let Some(condition) = Condition::first_failing(&self.claims, token.values()) {
            return Err(Error::ClaimRefused { claim: paths.name(condition.claim()) });
        }
        for requirement in &self.all_of {
            requirement.check(token, audiences, paths)?;
        }
        let mut refusals = Vec::new();
        for requirement in &self.any_of {
            match requirement.check(token, audiences, paths) {
                Ok(()) => return Ok(()),
                Err(error) => refusals.push(error),
            }
        }
        // Of the ways that are closed, the one that another token of the same caller could open is named.
        let helpful = refusals.iter().position(|error| matches!(error, Error::ScopeInsufficient { .. }));
        match refusals.into_iter().nth(helpful.unwrap_or(0)) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    fn check_scopes(&self, token: &VerifiedToken) -> Result<(), Error> {
        let lacks = |scope: &&String| !token.has_scope(scope);
        let missing: Vec<String> = self.scopes.iter().filter(lacks).cloned().collect();
        if !missing.is_empty() {
            return Err(Error::ScopeInsufficient { required: self.scopes.clone(), missing });
        }
        if !self.any_scopes.is_empty() && self.any_scopes.iter().all(|scope| lacks(&scope)) {
            // Any of them would do; a challenge names what suffices, and the first does.
            let first: Vec<String> = self.scopes.iter().chain(self.any_scopes.first()).cloned().collect();
            return Err(Error::ScopeInsufficient { required: first, missing: self.any_scopes.clone() });
        }
        Ok(())
    }

    /// Every scope that is named anywhere in it.
    pub(crate) fn scopes(&self) -> Vec<&str> {
        let own = self.scopes.iter().chain(&self.any_scopes).map(String::as_str);
        own.chain(self.any_of.iter().chain(&self.all_of).flat_map(Self::scopes)).collect()
    }
}

/// Whether a token is for one of these audiences (RFC 7519 §4.1.3).
pub(crate) fn check_audience(token: &VerifiedToken, audiences: &[impl AsRef<str>]) -> Result<(), Error> {
    let is_ours = |audience: &String| audiences.iter().any(|own| own.as_ref() == audience);
    if token.audiences().iter().any(is_ours) {
        return Ok(());
    }
    Err(Error::AudienceWrong { audiences: token.audiences().iter().map(|name| Excerpt::new(name)).collect() })
}

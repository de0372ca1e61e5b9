//! Who acts for whom (RFC 8693 §4.1).

use serde::ser::SerializeMap as _;
use serde_json::Value;

use super::id::ClientId;

/// Most actors that a chain can have, whatever the configuration says: the `act` of each is one level deeper, and
/// verifiers take JSON of eight levels in a token.
pub const MAX_ACT_DEPTH: usize = 6;

/// Most actors of a chain where the configuration does not say: three services behind the first one that was called.
const DEFAULT_ACT_DEPTH: usize = 4;

/// How many may act for one subject, one after the other: 1 to [`MAX_ACT_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActDepth(usize);

/// The services that a subject's authority went through, the one that acts now first: `act` of RFC 8693 §4.1, where
/// each actor stands inside the one that came after it. Empty where the subject acts itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActorChain(Vec<ClientId>);

impl ActDepth {
    /// That many; `None` if it is none, or more than there can be.
    #[must_use]
    pub fn new(depth: usize) -> Option<Self> {
        (1..=MAX_ACT_DEPTH).contains(&depth).then_some(Self(depth))
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for ActDepth {
    fn default() -> Self {
        Self(DEFAULT_ACT_DEPTH)
    }
}

impl ActorChain {
    /// This chain, with one more who acts now.
    #[must_use]
    pub fn joined_by(&self, actor: ClientId) -> Self {
        Self([actor].into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// Reads an `act` claim as this server writes it, up to [`MAX_ACT_DEPTH`] actors.
    #[must_use]
    pub fn from_claim(claim: &Value) -> Option<Self> {
        let mut actors = Vec::new();
        let mut next = Some(claim);
        while let Some(actor) = next {
            if actors.len() == MAX_ACT_DEPTH {
                return None;
            }
            actors.push(actor.get("sub")?.as_str()?.parse().ok()?);
            next = actor.get("act");
        }
        Some(Self(actors))
    }

    /// How many actors there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the subject acts itself.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The actors, the one that acts now first.
    pub fn iter(&self) -> impl Iterator<Item = &ClientId> {
        self.0.iter()
    }
}

/// An actor with those that came before it.
struct Nested<'a>(&'a ClientId, &'a [ClientId]);

impl serde::Serialize for Nested<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(actor, before) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub", actor)?;
        if let Some((actor, before)) = before.split_first() {
            map.serialize_entry("act", &Nested(actor, before))?;
        }
        map.end()
    }
}

/// As the `act` claim; an empty chain, which is no claim, as `null`.
impl serde::Serialize for ActorChain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.split_first() {
            Some((actor, before)) => Nested(actor, before).serialize(serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::id;

    #[test]
    fn the_one_that_acts_now_stands_outside() {
        let chain = ActorChain::default().joined_by(id("a")).joined_by(id("b")).joined_by(id("c"));
        let claim = json!({ "sub": "c", "act": { "sub": "b", "act": { "sub": "a" } } });
        assert_eq!(serde_json::to_value(&chain).unwrap(), claim);
        assert_eq!(ActorChain::from_claim(&claim), Some(chain));
    }

    #[test]
    fn only_chains_of_ours_are_read() {
        let nested =
            |depth: usize| (1..depth).fold(json!({ "sub": "a" }), |act, _| json!({ "sub": "a", "act": act }));
        assert_eq!(ActorChain::from_claim(&nested(MAX_ACT_DEPTH)).map(|it| it.len()), Some(MAX_ACT_DEPTH));
        assert_eq!(ActorChain::from_claim(&nested(MAX_ACT_DEPTH + 1)), None);
        for claim in [
            json!(null),
            json!({}),
            json!({ "sub": 1 }),
            json!({ "sub": "a b" }),
            json!({ "sub": "a", "act": 1 }),
        ] {
            assert_eq!(ActorChain::from_claim(&claim), None, "{claim}");
        }
    }

    #[test]
    fn the_depth_of_a_chain_is_bounded() {
        let depth = |depth| ActDepth::new(depth).map(ActDepth::get);
        let most = MAX_ACT_DEPTH;
        assert_eq!((depth(0), depth(1), depth(most), depth(most + 1)), (None, Some(1), Some(most), None));
    }
}

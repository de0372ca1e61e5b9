//! How long tokens live.

/// Longest life of a token, in seconds. Nothing calls a token back before it expires unless its audience asks for
/// that, so this bounds how long a withdrawn grant still works somewhere.
pub const MAX_LIFETIME: u64 = 3600;
/// Life of a token when nobody says, in seconds: a quarter of the cap, so that a client asks four times an hour and
/// a withdrawn grant is gone in fifteen minutes.
pub const DEFAULT_LIFETIME: u64 = 900;

/// Seconds that a token lives, 1 to [`MAX_LIFETIME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Lifetime(u64);

/// The lifetime is 0 or above [`MAX_LIFETIME`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lifetime must be 1 to {MAX_LIFETIME} seconds")]
pub struct LifetimeError;

/// The operator's bounds on every token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeBounds {
    /// When neither the audience nor the grant says.
    pub default: Lifetime,
    /// Whatever the audience or the grant say.
    pub max: Lifetime,
}

impl Lifetime {
    /// That many seconds.
    pub fn from_seconds(seconds: u64) -> Result<Self, LifetimeError> {
        if (1..=MAX_LIFETIME).contains(&seconds) { Ok(Self(seconds)) } else { Err(LifetimeError) }
    }

    /// The lifetime in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

impl LifetimeBounds {
    /// The life of a token: the shortest of what its audience, its grant and the operator allow.
    #[must_use]
    pub fn apply(&self, audience: Option<Lifetime>, grant: Option<Lifetime>) -> Lifetime {
        let asked = match (audience, grant) {
            (Some(audience), Some(grant)) => audience.min(grant),
            (one, other) => one.or(other).unwrap_or(self.default),
        };
        asked.min(self.max)
    }
}

impl Default for LifetimeBounds {
    fn default() -> Self {
        Self { default: Lifetime(DEFAULT_LIFETIME), max: Lifetime(MAX_LIFETIME) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_counts() {
        let seconds = |seconds| Lifetime::from_seconds(seconds).unwrap();
        let bounds = LifetimeBounds { default: seconds(300), max: seconds(600) };
        for (audience, grant, expected) in [
            (None, None, 300),
            (Some(60), None, 60),
            (None, Some(500), 500),
            (Some(60), Some(50), 50),
            (Some(60), Some(500), 60),
            (Some(3600), None, 600),
            (None, Some(601), 600),
        ] {
            let applied = bounds.apply(audience.map(seconds), grant.map(seconds));
            assert_eq!(applied.as_seconds(), expected, "{audience:?} {grant:?}");
        }
    }

    #[test]
    fn a_lifetime_is_within_the_cap() {
        assert_eq!(Lifetime::from_seconds(0), Err(LifetimeError));
        assert_eq!(Lifetime::from_seconds(3601), Err(LifetimeError));
        assert_eq!(Lifetime::from_seconds(3600).map(Lifetime::as_seconds), Ok(3600));
    }
}

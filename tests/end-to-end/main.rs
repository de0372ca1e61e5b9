//! The tests with real processes: one binary, a module per theme.

// `cfg(test)` always holds here; it is what tells clippy that helpers may panic, too.
#[cfg(test)]
mod client;
#[cfg(test)]
mod component;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod envoy;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod from_envoy;
#[cfg(test)]
mod host;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod judges;
#[cfg(test)]
mod jwt_authn;
#[cfg(test)]
mod middleware;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod story;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod verify;

/// What the scenes of these tests are made of.
#[cfg(test)]
fn stage() -> tessera_tests::scene::Stage {
    tessera_tests::scene::Stage {
        artefacts: tessera_tests::artefacts::Artefacts::find().unwrap(),
        orders: env!("CARGO_BIN_EXE_orders").into(),
    }
}

//! What a component asks of its host and offers to it, read from its bytes.

use wit_component::{DecodedWasm, OutputToString, WitPrinter};

/// The world that a component was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    imports: Vec<String>,
    exports: Vec<String>,
    wit: String,
}

/// Why no world could be read.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The bytes are no WebAssembly, or the types in them do not decode.
    #[error("not a component that can be decoded: {0}")]
    Undecodable(String),
    /// The bytes are an encoded WIT package: types without code.
    #[error("a WIT package, not a component")]
    NoComponent,
}

impl World {
    /// Reads the world of a binary component.
    pub fn of(component: &[u8]) -> Result<Self, WorldError> {
        let undecodable = |error: &dyn std::fmt::Display| WorldError::Undecodable(format!("{error:#}"));
        let decoded = wit_component::decode(component).map_err(|error| undecodable(&error))?;
        let DecodedWasm::Component(resolve, id) = &decoded else {
            return Err(WorldError::NoComponent);
        };
        let world = resolve.worlds.get(*id).ok_or(WorldError::NoComponent)?;
        let mut printer = WitPrinter::<OutputToString>::default();
        printer.emit_docs(false);
        // The component names its world "root"; the packages that it exports from are nested and say the rest.
        let others =
            resolve.packages.iter().map(|(package, _)| package).filter(|other| Some(*other) != world.package);
        let others: Vec<_> = others.collect();
        printer.print(resolve, decoded.package(), &others).map_err(|error| undecodable(&error))?;
        Ok(Self {
            imports: world.imports.keys().map(|key| resolve.name_world_key(key)).collect(),
            exports: world.exports.keys().map(|key| resolve.name_world_key(key)).collect(),
            wit: printer.output.to_string(),
        })
    }

    /// The names of what the host must provide.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The names of what the component provides.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The whole world, types included, as WIT text.
    #[must_use]
    pub fn wit(&self) -> &str {
        &self.wit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(World::of(b"not wasm"), Err(WorldError::Undecodable(_))));
    }
}

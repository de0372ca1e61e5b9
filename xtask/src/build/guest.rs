//! The verifier as a component: rustc links a core module, `wit-component` wraps it, and both are looked at before
//! they count as built.

use std::{fs, path::PathBuf};

use tessera_tests::world::World;
use wasmparser::{Validator, WasmFeatures};
use wit_component::ComponentEncoder;

use crate::{
    build::place,
    context::{Context, refused},
    failure::Failure,
    plan::Step,
    setup::{GUEST_TARGET, Tool},
};

/// The component for every host.
pub(crate) const BASELINE: Step =
    Step { title: "dist/tessera-verifier.wasm", run: |cx| Build::BASELINE.into_dist(cx) };

/// The component for hosts that know the wide-arithmetic proposal: the same world, several times quicker.
pub(crate) const WIDE: Step =
    Step { title: "dist/tessera-verifier-wide.wasm", run: |cx| Build::WIDE.into_dist(cx) };

/// The component once more, as `cargo component` builds it: tests compare its world with ours.
pub(crate) const BY_CARGO_COMPONENT: Step =
    Step { title: "the component by cargo-component", run: by_cargo_component };

pub(crate) const BASELINE_ARTEFACT: &str = "tessera-verifier.wasm";
pub(crate) const WIDE_ARTEFACT: &str = "tessera-verifier-wide.wasm";

const PACKAGE: &str = "tessera-verifier-component";
const CORE_MODULE: &str = "tessera_verifier_component.wasm";

/// One way of building the component.
struct Build {
    artefact: &'static str,
    /// rustc flags beside those that every guest gets.
    flags: &'static [&'static str],
    /// What the core module may use, at most.
    features: WasmFeatures,
}

impl Build {
    const BASELINE: Self = Self {
        artefact: BASELINE_ARTEFACT,
        flags: &[],
        features: WasmFeatures::WASM2.difference(WasmFeatures::SIMD),
    };

    const WIDE: Self = Self {
        artefact: WIDE_ARTEFACT,
        // 64-bit limbs pay only together with 64 × 64 → 128 bit multiplication; alone they cost a factor.
        flags: &["-Ctarget-feature=+wide-arithmetic", "--cfg=curve25519_dalek_bits=\"64\""],
        features: WasmFeatures::WASM2.difference(WasmFeatures::SIMD).union(WasmFeatures::WIDE_ARITHMETIC),
    };

    fn into_dist(self, cx: &Context) -> Result<String, Failure> {
        let module = self.core_module(cx)?;
        Validator::new_with_features(self.features).validate_all(&module).map_err(|error| {
            self.unfit(format!("the core module needs more than this build promises: {error}"))
        })?;
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(ComponentEncoder::encode)
            .map_err(|error| self.unfit(format!("it does not make a component: {error:#}")))?;
        self.inspect(&component)?;
        place(cx, self.artefact, |path| fs::write(path, &component))?;
        Ok(format!("{} bytes, no imports", super::grouped(component.len() as u64)))
    }

    fn core_module(&self, cx: &Context) -> Result<Vec<u8>, Failure> {
        let folder = guests(cx);
        cx.cargo("build")
            .args(["--package", PACKAGE, "--target", GUEST_TARGET, "--profile", "guest", "--target-dir"])
            .args([&folder])
            // These flags are part of what the artefact is; the caller's own are for native code.
            .without_env("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustflags(cx).join("\u{1f}"))
            .shown()
            .map_err(|error| Failure::Build {
                what: PACKAGE.to_owned(),
                remedy: "mend what the compiler says above, then run: cargo xtask build".to_owned(),
                source: Some(error),
            })?;
        let path = folder.join(GUEST_TARGET).join("guest").join(CORE_MODULE);
        fs::read(&path).map_err(|source| refused("read", &path, source))
    }

    /// Panic messages carry source paths: without the folders of whoever built it, the artefact is the same bytes
    /// everywhere.
    fn rustflags(&self, cx: &Context) -> Vec<String> {
        let home = std::env::home_dir().map(|home| home.join(".cargo"));
        let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
        let mut flags = vec![format!("--remap-path-prefix={}=", cx.root.display())];
        flags.extend(cargo_home.map(|folder| format!("--remap-path-prefix={}=cargo", folder.display())));
        flags.extend(self.flags.iter().map(ToString::to_string));
        flags
    }

    /// The promise of the artefact: it can ask its host for nothing.
    fn inspect(&self, component: &[u8]) -> Result<(), Failure> {
        let world = World::of(component).map_err(|error| self.unfit(error.to_string()))?;
        if world.imports().is_empty() {
            Ok(())
        } else {
            Err(self.unfit(format!("it imports {}, and must import nothing", world.imports().join(", "))))
        }
    }

    fn unfit(&self, problem: String) -> Failure {
        Failure::Artefact {
            what: format!("dist/{}", self.artefact),
            problem,
            remedy: "cargo tree --package tessera-verifier-component --target wasm32-unknown-unknown   # what came in?"
                .to_owned(),
        }
    }
}

/// Where `BY_CARGO_COMPONENT` leaves its component.
pub(crate) fn cargo_component_artefact(cx: &Context) -> PathBuf {
    guests(cx).join(GUEST_TARGET).join("release").join(CORE_MODULE)
}

fn by_cargo_component(cx: &Context) -> Result<String, Failure> {
    Tool::COMPONENT
        .run(cx)
        .args(["build", "--package", PACKAGE, "--target", GUEST_TARGET, "--release"])
        .without_env("RUSTFLAGS")
        .env("CARGO_TARGET_DIR", guests(cx))
        .shown()
        .map_err(|error| Failure::Build {
            what: format!("{PACKAGE} (by cargo-component)"),
            remedy: "compare [package.metadata.component] in verifier-wasm/component/Cargo.toml with wit/"
                .to_owned(),
            source: Some(error),
        })?;
    Ok(cargo_component_artefact(cx).display().to_string())
}

/// A target folder of their own: a guest build neither waits for a native one nor throws its artefacts out.
fn guests(cx: &Context) -> PathBuf {
    cx.target.join("guest")
}

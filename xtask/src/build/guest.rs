//! The guests: rustc links a core module, `wit-component` wraps it where a component is due, and what comes out is
//! looked at before it counts as built.

use std::{fs, path::PathBuf};

use tessera_tests::world::World;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

use crate::{
    build::place,
    context::{Context, refused},
    failure::Failure,
    plan::Step,
    setup::{GUEST_TARGET, Tool},
};

/// The component for every host.
pub(crate) const BASELINE: Step = Step {
    title: "dist/tessera-verifier.wasm: compiling (about 1 min on two cores the first time)",
    run: |cx| Build::BASELINE.into_dist(cx),
};

/// The component for hosts that know the wide-arithmetic proposal: the same world, several times quicker.
pub(crate) const WIDE: Step = Step {
    title: "dist/tessera-verifier-wide.wasm: compiling (about half a minute)",
    run: |cx| Build::WIDE.into_dist(cx),
};

/// The filter for Envoy.
pub(crate) const ENVOY: Step = Step {
    title: "dist/tessera-envoy.wasm: compiling (about half a minute)",
    run: |cx| Build::ENVOY.into_dist(cx),
};

/// The middleware for hosts of wasi:http.
pub(crate) const MIDDLEWARE: Step = Step {
    title: "dist/tessera-middleware.wasm: compiling (about half a minute)",
    run: |cx| Build::MIDDLEWARE.into_dist(cx),
};

/// The component that misbehaves, for the tests of hosts.
pub(crate) const FAULTY: Step = Step { title: "the faulty component", run: |cx| Build::FAULTY.for_tests(cx) };

/// The plug-in that misbehaves, for the tests of what Envoy makes of that.
pub(crate) const FAULTY_PLUGIN: Step =
    Step { title: "the faulty plug-in", run: |cx| Build::FAULTY_PLUGIN.for_tests(cx) };

/// The handler that stands behind the middleware in its tests.
pub(crate) const BACKEND: Step =
    Step { title: "the backend component", run: |cx| Build::BACKEND.for_tests(cx) };

/// The component once more, as `cargo component` builds it: tests compare its world with ours.
pub(crate) const BY_CARGO_COMPONENT: Step =
    Step { title: "the component by cargo-component", run: by_cargo_component };

pub(crate) const BASELINE_ARTEFACT: &str = "tessera-verifier.wasm";
pub(crate) const WIDE_ARTEFACT: &str = "tessera-verifier-wide.wasm";
pub(crate) const ENVOY_ARTEFACT: &str = "tessera-envoy.wasm";
pub(crate) const MIDDLEWARE_ARTEFACT: &str = "tessera-middleware.wasm";

const PACKAGE: &str = "tessera-verifier-component";
const CORE_MODULE: &str = "tessera_verifier_component.wasm";

/// One way of building a guest.
struct Build {
    artefact: &'static str,
    package: &'static str,
    /// The core module that rustc links.
    module: &'static str,
    form: Form,
    /// rustc flags beside those that every guest gets.
    flags: &'static [&'static str],
    /// What the core module may use, at most.
    features: WasmFeatures,
}

/// What becomes of the core module.
#[derive(Clone, Copy)]
enum Form {
    /// A component that imports these interfaces: exactly these, in the order of their names.
    Component(&'static [&'static str]),
    /// The module as it is, a proxy-wasm plug-in: its imports are functions of the proxy, in the module `env`.
    ProxyWasm,
}

/// What every host in the field has; without SIMD, which some leave out.
const EVERYWHERE: WasmFeatures = WasmFeatures::WASM2.difference(WasmFeatures::SIMD);

impl Build {
    const BASELINE: Self = Self {
        artefact: BASELINE_ARTEFACT,
        package: PACKAGE,
        module: CORE_MODULE,
        form: Form::Component(&[]),
        flags: &[],
        features: EVERYWHERE,
    };

    const WIDE: Self = Self {
        artefact: WIDE_ARTEFACT,
        // 64-bit limbs pay only together with 64 × 64 → 128 bit multiplication; alone they cost a factor. Hosts that
        // have that have SIMD, too: with it SHA-256, which is half of a cached decision, is a fifth quicker.
        flags: &[
            "-Ctarget-feature=+wide-arithmetic,+simd128",
            "--cfg=curve25519_dalek_bits=\"64\"",
            "--cfg=tessera_wide_arithmetic",
        ],
        features: WasmFeatures::WASM2.union(WasmFeatures::WIDE_ARITHMETIC),
        ..Self::BASELINE
    };

    const ENVOY: Self = Self {
        artefact: ENVOY_ARTEFACT,
        package: "tessera-verifier-envoy",
        module: "tessera_verifier_envoy.wasm",
        form: Form::ProxyWasm,
        // V8 has it, and no wide arithmetic.
        flags: &["-Ctarget-feature=+simd128"],
        features: WasmFeatures::WASM2,
    };

    const MIDDLEWARE: Self = Self {
        artefact: MIDDLEWARE_ARTEFACT,
        package: "tessera-verifier-middleware",
        module: "tessera_verifier_middleware.wasm",
        form: Form::Component(&[
            "wasi:cli/environment@0.3.0",
            "wasi:cli/stderr@0.3.0",
            "wasi:cli/types@0.3.0",
            "wasi:clocks/monotonic-clock@0.3.0",
            "wasi:clocks/system-clock@0.3.0",
            "wasi:clocks/types@0.3.0",
            "wasi:http/client@0.3.0",
            "wasi:http/handler@0.3.0",
            "wasi:http/types@0.3.0",
        ]),
        ..Self::BASELINE
    };

    const BACKEND: Self = Self {
        artefact: "backend.wasm",
        package: "tessera-backend-component",
        module: "tessera_backend_component.wasm",
        form: Form::Component(&["wasi:cli/stderr@0.3.0", "wasi:cli/types@0.3.0", "wasi:http/types@0.3.0"]),
        ..Self::BASELINE
    };

    const FAULTY: Self = Self {
        artefact: "faulty.wasm",
        package: "tessera-faulty-component",
        module: "tessera_faulty_component.wasm",
        ..Self::BASELINE
    };

    const FAULTY_PLUGIN: Self = Self {
        artefact: "faulty-plugin.wasm",
        package: "tessera-faulty-plugin",
        module: "tessera_faulty_plugin.wasm",
        form: Form::ProxyWasm,
        ..Self::BASELINE
    };

    fn into_dist(self, cx: &Context) -> Result<String, Failure> {
        let artefact = self.build(cx)?;
        place(cx, self.artefact, |path| fs::write(path, &artefact))?;
        let imports = match self.form {
            Form::Component([]) => "no imports",
            Form::Component(_) => "imports of WASI only",
            Form::ProxyWasm => "imports of the proxy only",
        };
        Ok(format!("{} bytes, {imports}", super::grouped(artefact.len() as u64)))
    }

    /// Builds what is no artefact of ours.
    fn for_tests(self, cx: &Context) -> Result<String, Failure> {
        let path = self.path_for_tests(cx);
        fs::write(&path, self.build(cx)?).map_err(|source| refused("write", &path, source))?;
        Ok(path.display().to_string())
    }

    fn path_for_tests(&self, cx: &Context) -> PathBuf {
        guests(cx).join(self.artefact)
    }

    fn build(&self, cx: &Context) -> Result<Vec<u8>, Failure> {
        let module = self.core_module(cx)?;
        Validator::new_with_features(self.features).validate_all(&module).map_err(|error| {
            self.unfit(format!("the core module needs more than this build promises: {error}"))
        })?;
        let Form::Component(imports) = self.form else {
            self.inspect_module(&module)?;
            return Ok(module);
        };
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .map_err(|error| self.unfit(format!("it does not make a component: {error:#}")))?;
        self.inspect_component(&component, imports)?;
        Ok(component)
    }

    fn core_module(&self, cx: &Context) -> Result<Vec<u8>, Failure> {
        let folder = guests(cx);
        cx.cargo("build")
            .args(["--package", self.package, "--target", GUEST_TARGET, "--profile", "guest", "--target-dir"])
            .args([&folder])
            // These flags are part of what the artefact is; the caller's own are for native code.
            .without_env("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustflags(cx).join("\u{1f}"))
            .shown()
            .map_err(|error| Failure::Build {
                what: self.package.to_owned(),
                remedy: "mend what the compiler says above, then run: cargo xtask build".to_owned(),
                source: Some(error),
            })?;
        let path = folder.join(GUEST_TARGET).join("guest").join(self.module);
        let module = fs::read(&path).map_err(|source| refused("read", &path, source))?;
        self.without_names(&module)
    }

    /// The module without the names of its functions: a twelfth of it, which the linker leaves in whatever the
    /// profile's `strip` says.
    fn without_names(&self, module: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut bare = Vec::with_capacity(module.len());
        // Sections follow one another without a gap, after the module's magic number and version.
        let mut at = 0;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(|error| self.unfit(format!("it cannot be read: {error}")))?;
            let end = match &payload {
                Payload::Version { range, .. } => range.end,
                section => section.as_section().map_or(0, |(_, range)| range.end),
            };
            // What is inside a section was taken with it.
            let end = end.max(at);
            let is_names = matches!(&payload, Payload::CustomSection(section) if section.name() == "name");
            if !is_names {
                bare.extend_from_slice(module.get(at..end).unwrap_or_default());
            }
            at = end;
        }
        Ok(bare)
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

    /// The promise of a component: it can ask its host for what is said here, and nothing else.
    fn inspect_component(&self, component: &[u8], promised: &[&str]) -> Result<(), Failure> {
        let world = World::of(component).map_err(|error| self.unfit(error.to_string()))?;
        let mut imports = world.imports().to_vec();
        imports.sort_unstable();
        if imports == promised {
            return Ok(());
        }
        let listed = |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
        Err(self.unfit(format!("it imports {}, and must import {}", listed(&imports), listed(promised))))
    }

    /// The promise of a plug-in: all that it can ask for is what a proxy offers its plug-ins.
    fn inspect_module(&self, module: &[u8]) -> Result<(), Failure> {
        for payload in Parser::new(0).parse_all(module) {
            let Payload::ImportSection(section) =
                payload.map_err(|error| self.unfit(format!("it cannot be read: {error}")))?
            else {
                continue;
            };
            for import in section.into_imports() {
                let import = import.map_err(|error| self.unfit(format!("it cannot be read: {error}")))?;
                if import.module != "env" || !import.name.starts_with("proxy_") {
                    let problem =
                        format!("it imports {}.{}, which no proxy offers", import.module, import.name);
                    return Err(self.unfit(problem));
                }
            }
        }
        Ok(())
    }

    fn unfit(&self, problem: String) -> Failure {
        Failure::Artefact {
            what: self.artefact.to_owned(),
            problem,
            remedy: format!(
                "cargo tree --package {} --target {GUEST_TARGET}   # what came in?",
                self.package
            ),
        }
    }
}

/// Where [`FAULTY`] leaves its component.
pub(crate) fn faulty_artefact(cx: &Context) -> PathBuf {
    Build::FAULTY.path_for_tests(cx)
}

/// Where [`FAULTY_PLUGIN`] leaves its module.
pub(crate) fn faulty_plugin_artefact(cx: &Context) -> PathBuf {
    Build::FAULTY_PLUGIN.path_for_tests(cx)
}

/// Where [`BACKEND`] leaves its component.
pub(crate) fn backend_artefact(cx: &Context) -> PathBuf {
    Build::BACKEND.path_for_tests(cx)
}

/// Where `BY_CARGO_COMPONENT` leaves its component.
pub(crate) fn cargo_component_artefact(cx: &Context) -> PathBuf {
    cx.target.join(GUEST_TARGET).join("debug").join(CORE_MODULE)
}

/// Not optimised, and beside native builds, whose procedural macros it shares: nobody runs it.
fn by_cargo_component(cx: &Context) -> Result<String, Failure> {
    Tool::COMPONENT
        .run(cx)
        .args(["build", "--package", PACKAGE, "--target", GUEST_TARGET])
        .without_env("RUSTFLAGS")
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

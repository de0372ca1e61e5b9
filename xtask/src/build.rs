//! `cargo xtask build`: the artefacts into dist/.

pub(crate) mod guest;
pub(crate) mod native;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::{Step, carry_out},
    setup,
};

/// What the demo is played with.
pub(crate) const FOR_THE_DEMO: &[Step] =
    &[setup::C_COMPILER, setup::WASM_TARGET, guest::BASELINE, native::BINARIES];

/// What building needs, and the building.
pub(crate) const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::WASM_TARGET,
    guest::BASELINE,
    guest::WIDE,
    guest::ENVOY,
    guest::MIDDLEWARE,
    native::BINARIES,
];

/// The baseline component should stay below this many bytes, all algorithms and rules of a policy in it: Envoy and Istio ship filters in configuration maps
/// and image layers, where a megabyte is felt.
const AIM_BASELINE: u64 = 600_000;

pub(crate) fn run(cx: &Context) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    print_sizes(cx)
}

/// The table of what is in dist/, to stdout.
fn print_sizes(cx: &Context) -> Result<(), Failure> {
    let guests =
        [guest::BASELINE_ARTEFACT, guest::WIDE_ARTEFACT, guest::ENVOY_ARTEFACT, guest::MIDDLEWARE_ARTEFACT];
    let names = guests.into_iter().chain(native::SHIPPED);
    anstream::println!("\n{:<28} {:>14}", "artefact", "bytes");
    for name in names {
        let path = cx.dist().join(name);
        let size = fs::metadata(&path).map_err(|source| refused("read", &path, source))?.len();
        let remark = match size {
            _ if name != guest::BASELINE_ARTEFACT => String::new(),
            0..AIM_BASELINE => format!("  (aim: below {})", grouped(AIM_BASELINE)),
            _ => format!("  (above the aim of {})", grouped(AIM_BASELINE)),
        };
        anstream::println!("{:<28} {:>14}{remark}", format!("dist/{name}"), grouped(size));
    }
    Ok(())
}

/// Digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Puts a file into dist/ under its name, replacing it in one step: the old one may be running.
fn place(
    cx: &Context,
    name: &str,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<PathBuf, Failure> {
    create_folder(&cx.dist())?;
    let (path, fresh) = (cx.dist().join(name), cx.dist().join(format!(".{name}.new")));
    fill(&fresh).map_err(|source| refused("write", &fresh, source))?;
    fs::rename(&fresh, &path).map_err(|source| refused("replace", &path, source))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(350_000), "350,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}

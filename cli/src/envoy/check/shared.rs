//! Who else sees the data that our plug-in shares with itself.
//!
//! It keeps key sets in the shared data of proxy-wasm, which all plug-ins with one `vm_id` read and write.

use serde_json::Value;

use super::super::document::{Document, below};
use super::super::find;
use super::super::message::{Placed, snake_case};
use super::around::{Ours, get, step};
use super::{Checked, problem};

/// Says who could put other keys in the place of the issuers'.
pub(super) fn check(document: &Document, ours: &Ours<'_>, checked: &mut Checked) {
    let machine = step(&ours.config, "vm_config");
    let place = machine.as_ref().map_or(&ours.config.place, |machine| &machine.place);
    let own = machine.as_ref().map_or(&Value::Null, |machine| machine.value);
    let suggestion = || Some("write a `vm_id` here that no other plug-in has, such as `tessera`".to_owned());
    let mut is_alone = true;
    // Plug-ins are not only HTTP filters: they log, and stand in network filters, too.
    for other in machines(document.root()) {
        if vm_id(other.value) == vm_id(own) && get(other.value, &["code"]) != get(own, &["code"]) {
            is_alone = false;
            let message = format!(
                "the plug-in at {} has the same `vm_id`: it could put keys of its own in the place of the issuers'",
                other.place
            );
            checked.problems.push(problem(document, place, message, suggestion()));
        }
    }
    if vm_id(own).is_empty() && is_alone {
        let message = "the filter has no `vm_id`, and shares its keys with every plug-in that has none";
        checked.warnings.push(problem(document, place, message, suggestion()));
    }
}

/// Every `VmConfig` of the file.
fn machines(root: &Value) -> Vec<Placed<'_>> {
    let mut found = Vec::new();
    find::objects(root, &mut |object, place| {
        let machines = object.iter().filter(|(name, _)| snake_case(name) == "vm_config");
        found.extend(machines.map(|(name, value)| Placed { place: below(place, name), value }));
    });
    found
}

fn vm_id(machine: &Value) -> &str {
    get(machine, &["vm_id"]).and_then(Value::as_str).unwrap_or_default()
}

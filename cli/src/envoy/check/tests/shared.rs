//! What plug-ins with the same `vm_id` share.

use super::*;

const MACHINE: &str =
    "/static_resources/listeners/0/typed_config/http_filters/0/typed_config/config/vm_config";
const OTHER: &str = "/static_resources/other/vmConfig";

/// Another plug-in in the file, in whatever it may be.
fn beside(other: &Value) -> Value {
    set(bootstrap(&filter(&plugin())), "/static_resources/other", json!({ "vmConfig": other }))
}

#[test]
fn it_shares_its_keys_with_nobody() {
    let alone = bootstrap(&filter(&plugin()));
    let message = "the filter has no `vm_id`, and shares its keys with every plug-in that has none";
    for none in [Value::Null, json!("")] {
        assert_warning(&set(alone.clone(), &format!("{MACHINE}/vm_id"), none), MACHINE, message);
    }

    let others = json!({ "local": { "filename": "/lib/counter.wasm" } });
    let message = format!(
        "the plug-in at {OTHER} has the same `vm_id`: it could put keys of its own in the place of the issuers'"
    );
    assert_problem(&beside(&json!({ "vmId": "tessera", "code": others })), MACHINE, &message);
    let none = beside(&json!({ "code": others }));
    let both = set(none.clone(), &format!("{MACHINE}/vm_id"), json!(""));
    assert_problem(&both, MACHINE, &message);
    assert_eq!(checked(&both).warnings, [], "said once");

    for good in [
        none,
        beside(&json!({ "vm_id": "counter", "code": others })),
        // The same code is our plug-in again.
        beside(
            &json!({ "vm_id": "tessera", "code": { "local": { "filename": "/lib/tessera-envoy.wasm" } } }),
        ),
    ] {
        let Checked { problems, warnings } = checked(&good);
        assert_eq!((problems, warnings), (Vec::new(), Vec::new()));
    }
}

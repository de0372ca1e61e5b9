//! The component, looked at from outside.

use std::{fs, path::Path};

use tessera_tests::{artefacts::Artefacts, world::World};

fn world(component: &Path) -> World {
    let bytes = fs::read(component).unwrap_or_else(|error| panic!("{}: {error}", component.display()));
    World::of(&bytes).unwrap_or_else(|error| panic!("{}: {error}", component.display()))
}

#[test]
fn it_imports_nothing() {
    let artefacts = Artefacts::find().unwrap();
    for component in [artefacts.component(), &artefacts.wide_component().unwrap()] {
        assert_eq!(world(component).imports(), [] as [&str; 0], "{}", component.display());
    }
}

#[test]
fn both_builds_have_one_world() {
    let artefacts = Artefacts::find().unwrap();
    assert_eq!(world(artefacts.component()).wit(), world(&artefacts.wide_component().unwrap()).wit());
}

#[test]
fn cargo_component_builds_the_same_world() {
    let artefacts = Artefacts::find().unwrap();
    let (ours, theirs) =
        (world(artefacts.component()), world(&Artefacts::named_by(Artefacts::BY_CARGO_COMPONENT).unwrap()));
    assert_eq!(theirs.imports(), [] as [&str; 0]);
    assert_eq!(theirs.exports(), ours.exports());
    assert_eq!(theirs.wit(), ours.wit());
}

#[test]
fn its_world_is_the_documented_one() {
    let artefacts = Artefacts::find().unwrap();
    let world = world(artefacts.component());
    assert!(!world.exports().is_empty());
    assert!(
        world.exports().iter().all(|name| name.starts_with("tessera:verifier/")),
        "{:?}",
        world.exports()
    );
}

//! The story of the demo, held to its word.

use tessera_tests::{
    scene::Scene,
    story::{self, Event},
};

use crate::stage;

#[tokio::test]
async fn every_response_is_as_expected() {
    let scene = Scene::set(&stage()).await.unwrap();
    let (mut acts, mut passed) = (0, 0);
    let surprises = story::tell(&scene, &mut |event| match event {
        Event::Act { number, .. } => acts = number,
        Event::Exchanged(exchange) if exchange.url.origin() == scene.proxy.url().origin() => {
            passed += usize::from(exchange.status.is_success());
        }
        _ => {}
    })
    .await
    .unwrap();
    assert_eq!(surprises, [], "\nissuer:\n{}\nproxy:\n{}", scene.issuer.server().log(), scene.proxy.log());
    assert_eq!(acts, story::ACTS);

    // A refused request never reaches the service: it answered those that passed, and no others.
    let answered = scene.orders.log().lines().filter(|line| line.contains(" /orders ")).count();
    assert!(passed > 0);
    assert_eq!(answered, passed, "{}", scene.orders.log());

    // Whoever reads the logs can use nothing of what is in them.
    let servers = [scene.platform.server(), scene.issuer.server(), &scene.orders, &scene.proxy];
    for server in servers {
        let log = server.log();
        assert!(!log.contains("eyJ"), "{} logged a token:\n{log}", server.name());
        assert!(!log.contains(scene.reports_secret()), "{} logged a secret:\n{log}", server.name());
    }
}

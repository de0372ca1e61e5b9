//! What scripts and service managers rely on: one line when ready, a clean end when told to.

use tessera_tests::{http::get, process::Server, scene::Scene};

use crate::stage;

#[tokio::test]
async fn each_prints_one_line_and_ends_cleanly() {
    let Scene { platform, issuer, orders, proxy, .. } = Scene::set(&stage()).await.unwrap();
    for server in [proxy, orders, issuer.into_server(), platform.into_server()] {
        let name = server.name();
        let (status, further) = server.stop().await.unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        assert_eq!(further, [] as [&str; 0], "{name} printed more than its one line");
    }
}

#[tokio::test]
async fn what_is_public_needs_no_token() {
    let scene = Scene::set(&stage()).await.unwrap();
    let response = scene.get("/healthz").send().await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["status"], "ok");
}

#[tokio::test]
async fn the_proxy_closes_when_it_cannot_know() {
    let stage = stage();
    let scene = Scene::set(&stage).await.unwrap();
    // A verifier that never saw the issuer's keys, and an issuer that is gone.
    let token = scene.access_token("orders", "orders:read").await.unwrap();
    let (policy, component) = (scene.policy(), stage.artefacts.component().to_owned());
    let upstream = scene.orders.origin();
    assert_eq!(scene.issuer.into_server().stop().await.unwrap().0.code(), Some(0));
    let args = ["--listen", "127.0.0.1:0", "--upstream", &upstream, "--policy"].map(Into::into);
    let args =
        args.into_iter().chain([policy.into_os_string(), "--component".into(), component.into_os_string()]);
    let folder = tempfile::tempdir().unwrap();
    let late = Server::start("late-proxy", folder.path(), stage.artefacts.proxy(), args).await.unwrap();
    let mut orders = late.url().clone();
    orders.set_path("/orders");
    let response = get(orders).bearer(token.as_str()).send().await.unwrap();
    assert_eq!(response.status, 503, "{}", late.log());
    assert_eq!(response.challenge(), None);
}

//! Requests that are paused until keys come: what waits with them, and what becomes of them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tessera_tests::key_server::Answer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::rig::{KEYS, Rig, Scenery, reached, until};

const RECEIVED: &str = "http.main.downstream_cx_rx_bytes_total";

/// A rig whose keys are on their way, with a service that is sent trailers.
async fn waiting() -> Rig {
    let scenery = Scenery::with(Answer::Held).await;
    let rig = scenery.start_with(|setup| {
        let options =
            json!({ "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } } });
        setup.clusters[0]["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": options["explicit_http_config"],
            },
        });
    });
    rig.await
}

/// Sends a body and a trailer over HTTP/2. Gives the status and what reached the service.
fn post_with_trailers(rig: &Rig, body: Bytes) -> JoinHandle<(u16, Value)> {
    let bearer = format!("Bearer {}", rig.token().as_str());
    let mut trailers = HeaderMap::new();
    trailers.insert("x-trailer", HeaderValue::from_static("after"));
    // Mapped, so that its length is not known: with a content-length there would be no trailers over HTTP/1.1.
    let body = Full::new(body).map_frame(|frame| frame).with_trailers(std::future::ready(Some(Ok(trailers))));
    let request = Request::post(rig.at("/orders").as_str()).header(AUTHORIZATION, bearer).body(body).unwrap();
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build(HttpConnector::new());
    tokio::spawn(async move {
        let response = client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    })
}

#[tokio::test]
async fn body_and_trailers_wait_with_their_header() {
    let rig = waiting().await;
    let body = "o".repeat(20_000);
    let posted = post_with_trailers(&rig, body.clone().into());
    // All of it is there, and nothing of it goes on.
    until(async || rig.envoy.stat(RECEIVED).await.is_some_and(|bytes| bytes > 20_000), || rig.envoy.log())
        .await;
    rig.inside(1).await;
    assert_eq!(rig.scenery.service.arrived(), 0);

    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    let (status, reached) = posted.await.unwrap();
    assert_eq!(status, 200, "{}", rig.envoy.log());
    assert_eq!(reached["method"], "POST");
    assert_eq!(reached["body"].as_str(), Some(body.as_str()), "whole, and once");
    assert_eq!(reached["trailers"], json!([]), "trailers are not decided about, so they go nowhere");
}

/// More than Envoy buffers (1 MiB): it stops reading, and goes on when the request does.
#[tokio::test]
async fn a_body_beyond_the_buffers_waits_with_its_header() {
    let rig = waiting().await;
    let body = "o".repeat(4 * 1024 * 1024);
    let posted = post_with_trailers(&rig, body.clone().into());
    until(async || rig.envoy.stat(RECEIVED).await.is_some_and(|bytes| bytes > 60_000), || rig.envoy.log())
        .await;
    assert_eq!(rig.scenery.service.arrived(), 0);
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    let (status, reached) = posted.await.unwrap();
    assert_eq!(status, 200, "{}", rig.envoy.log());
    assert!(reached["body"].as_str() == Some(body.as_str()), "whole, and once");
}

#[tokio::test]
async fn nothing_of_a_request_that_is_refused_after_its_pause_goes_on() {
    let rig = waiting().await;
    let posted = post_with_trailers(&rig, Bytes::from_static(b"order"));
    rig.inside(1).await;
    rig.scenery.source.answer(KEYS, Answer::json(&json!({ "keys": [] })));
    let (status, _) = posted.await.unwrap();
    assert!([401, 503].contains(&status), "{status}");
    assert_eq!(rig.scenery.service.arrived(), 0);
}

/// Envoy would drop a fetch that belongs to a request whose client goes away, without a word.
#[tokio::test]
async fn a_client_that_goes_away_takes_nothing_with_it() {
    let rig = waiting().await;
    let token = rig.token();
    let mut client = TcpStream::connect(rig.at("/").socket_addrs(|| None).unwrap()[0]).await.unwrap();
    let head = format!("GET /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", token.as_str());
    client.write_all(head.as_bytes()).await.unwrap();
    rig.inside(1).await;
    let other = tokio::spawn(rig.call(&token).send());
    rig.inside(2).await;
    drop(client);
    rig.inside(1).await;

    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    assert_eq!(other.await.unwrap().unwrap().status, 200, "{}", rig.envoy.log());
    assert_eq!(rig.send(&token).await.status, 200);
    assert_eq!(rig.scenery.service.arrived(), 2, "nothing of the one who went away");
}

/// Many at once, of which the good and the bad are told apart after the pause.
#[tokio::test]
async fn everybody_who_waits_is_answered_for_himself() {
    let rig = waiting().await;
    let (good, forged) = (rig.token(), rig.token().with_scope("orders:admin"));
    let ask = |n: usize| {
        let token = if n.is_multiple_of(2) { &good } else { &forged };
        let number = HeaderValue::from_str(&n.to_string()).unwrap();
        tokio::spawn(rig.call(token).header("x-number".parse().unwrap(), number).send())
    };
    let waiting: Vec<_> = (0..20).map(ask).collect();
    rig.inside(20).await;
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    for (n, response) in waiting.into_iter().enumerate() {
        let response = response.await.unwrap().unwrap();
        assert_eq!(response.status, if n.is_multiple_of(2) { 200 } else { 401 }, "{n}");
        if n.is_multiple_of(2) {
            assert_eq!(reached(&response, "x-number"), [n.to_string()], "the answer is another's");
        }
    }
    assert_eq!(rig.scenery.service.arrived(), 10);
}

/// A pipelined second request on the connection of one that is paused waits for its turn.
#[tokio::test]
async fn a_second_request_on_the_connection_waits_for_the_first() {
    let rig = waiting().await;
    let mut client = TcpStream::connect(rig.at("/").socket_addrs(|| None).unwrap()[0]).await.unwrap();
    let bearer = format!("authorization: Bearer {}\r\n", rig.token().as_str());
    let both = format!(
        "GET /orders/1 HTTP/1.1\r\nhost: a\r\n{bearer}\r\nGET /orders/2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    );
    client.write_all(both.as_bytes()).await.unwrap();
    rig.inside(1).await;
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    let statuses: Vec<_> = answers.lines().filter_map(|line| line.split("HTTP/1.1 ").nth(1)).collect();
    assert_eq!(statuses, ["200 OK", "401 Unauthorized"], "{answers}");
}

/// So many requests wait for keys in one worker at most; whoever comes then is answered without a wait.
#[tokio::test]
async fn no_more_wait_than_there_is_room_for() {
    const ROOM: usize = 1_024;
    const BEYOND: usize = 8;
    let rig = waiting().await;
    let token = rig.token();
    let callers: Vec<_> = (0..ROOM + BEYOND).map(|_| tokio::spawn(rig.call(&token).send())).collect();
    let answered = async || callers.iter().filter(|caller| caller.is_finished()).count() == BEYOND;
    until(answered, || rig.envoy.log()).await;
    rig.scenery.source.answer(KEYS, rig.scenery.keys());
    let mut statuses = Vec::new();
    for caller in callers {
        statuses.push(caller.await.unwrap().unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), ROOM);
    assert_eq!(statuses[ROOM..], [503; BEYOND]);
}

use std::{convert::Infallible, sync::Arc, time::Duration};

use tessera_fetch::Document;
use tokio::time::Instant;

use super::*;

/// An instance, of which it is known what it was told.
#[derive(Default)]
struct Told {
    last_seen: LastSeen,
    results: Vec<(String, Option<String>)>,
}

impl Told {
    fn catch_up(&mut self, history: &History) -> Vec<(String, Option<String>)> {
        let results = &mut self.results;
        let Ok(()) = history.catch_up::<Infallible>(&mut self.last_seen, |result| {
            results.push((result.id.clone(), text(result)));
            Ok(Ok(Vec::new()))
        });
        std::mem::take(&mut self.results)
    }
}

fn text(result: &FetchResult) -> Option<String> {
    match &result.outcome {
        Outcome::Fetched(document) => Some(document.text.clone()),
        Outcome::Failed => None,
    }
}

fn fetched(id: &str, kind: DocumentKind, at: u64, text: &str) -> FetchResult {
    let document = Document { text: text.to_owned(), cache_control: String::new() };
    FetchResult { id: id.to_owned(), kind, at, outcome: Outcome::Fetched(Arc::new(document)) }
}

fn failed(id: &str, at: u64) -> FetchResult {
    FetchResult { id: id.to_owned(), kind: DocumentKind::KeySet, at, outcome: Outcome::Failed }
}

fn told(id: &str, text: &str) -> (String, Option<String>) {
    (id.to_owned(), Some(text.to_owned()))
}

#[test]
fn each_instance_is_told_of_each_result_once_and_in_order() {
    let history = History::new();
    let (mut first, mut second) = (Told::default(), Told::default());
    history.record(fetched("a", DocumentKind::KeySet, 1, "1"));
    assert_eq!(first.catch_up(&history), [told("a", "1")]);
    history.record(fetched("b", DocumentKind::Metadata, 2, "2"));
    history.record(failed("b", 3));
    assert_eq!(first.catch_up(&history), [told("b", "2"), ("b".to_owned(), None)]);
    assert_eq!(first.catch_up(&history), []);
    assert_eq!(second.catch_up(&history), [told("a", "1"), told("b", "2"), ("b".to_owned(), None)]);
}

#[test]
fn a_new_instance_is_told_of_what_still_matters() {
    let history = History::new();
    for at in 0..20 {
        history.record(failed("a", at));
    }
    assert_eq!(Told::default().catch_up(&history).len(), 8, "pauses grow no longer after that many failures");
    assert!(!history.has_copy("a"));
    history.record(fetched("a", DocumentKind::KeySet, 20, "1"));
    history.record(failed("a", 21));
    history.record(fetched("a", DocumentKind::KeySet, 22, "2"));
    assert_eq!(Told::default().catch_up(&history), [told("a", "2")]);
    assert!(history.has_copy("a"));
}

#[test]
fn status_lists_are_told_for_a_minute_and_prepare_no_examination() {
    let history = History::new();
    history.record(fetched("keys", DocumentKind::KeySet, 100, "k"));
    history.record(fetched("list", DocumentKind::StatusList, 100, "l"));
    let mut prepared = Vec::new();
    let Ok(()) = history.prepare::<Infallible>(|result| {
        prepared.push(result.id.clone());
        Ok(Ok(Vec::new()))
    });
    assert_eq!(prepared, ["keys"]);
    history.record(failed("other", 159));
    assert!(Told::default().catch_up(&history).contains(&told("list", "l")));
    history.record(failed("other", 160));
    assert!(!Told::default().catch_up(&history).contains(&told("list", "l")));
}

#[test]
fn a_document_that_needs_a_later_one_is_told_again_after_it() {
    let history = History::new();
    history.record(fetched("keys", DocumentKind::KeySet, 1, "k"));
    history.record(fetched("metadata", DocumentKind::Metadata, 2, "m"));
    let mut applied = Vec::new();
    let Ok(()) = history.catch_up::<Infallible>(&mut LastSeen::default(), |result| {
        let early = result.id == "keys" && !applied.contains(&"metadata".to_owned());
        applied.push(result.id.clone());
        Ok(if early { Err("not known yet".to_owned()) } else { Ok(Vec::new()) })
    });
    assert_eq!(applied, ["keys", "metadata", "keys"]);
}

#[tokio::test]
async fn a_waiter_hears_of_a_result_or_gives_up() {
    let history = Arc::new(History::new());
    let mut instance = Told::default();
    let until = Instant::now() + Duration::from_millis(20);
    assert!(!history.wait(instance.last_seen, until).await);
    assert!(Instant::now() >= until);
    let waiter = tokio::spawn({
        let (history, seen) = (Arc::clone(&history), instance.last_seen);
        async move { history.wait(seen, Instant::now() + Duration::from_mins(1)).await }
    });
    tokio::task::yield_now().await;
    history.record(failed("a", 1));
    assert!(waiter.await.unwrap());
    // A result that came before the wait began counts as well,
    assert!(history.wait(instance.last_seen, Instant::now()).await);
    // until the instance knows of it.
    instance.catch_up(&history);
    assert!(!history.wait(instance.last_seen, Instant::now()).await);
}

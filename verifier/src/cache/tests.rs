use super::*;
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use proptest::prelude::*;

use crate::{json, testing, token::Claims};

/// A verified token of a key, whose payload has this many bytes more than it needs.
fn token(padding: usize, key: u8) -> Arc<VerifiedToken> {
    let payload = testing::claims(&[("padding", &format!("{:?}", "x".repeat(padding)))]);
    let bounds = json::Bounds { bytes: 1 << 20, depth: 8, elements: 8 };
    let node = json::parse(&payload, bounds).unwrap();
    let json::Value::Object(object) = &node.value else { panic!("claims are an object") };
    let claims = Claims::read(object).unwrap();
    let (issuer, key) = (String::new(), [key; 32]);
    Arc::new(VerifiedToken {
        issuer,
        claims,
        payload,
        values: Vec::new(),
        status: None,
        issuer_index: 0,
        key,
    })
}

fn cache(entries: usize, bytes: usize) -> TokenCache {
    TokenCache::new(CacheBounds { entries, bytes })
}

fn text(number: usize) -> &'static str {
    format!("header.payload-{number}.signature{number}").leak()
}

fn identity(number: usize) -> TokenIdentity<'static> {
    TokenIdentity::of(text(number))
}

fn remember(cache: &mut TokenCache, number: usize, token: &Arc<VerifiedToken>) {
    cache.insert(Entry::new(&identity(number), Arc::clone(token)));
}

/// What a token takes in a cache.
fn size(token: &Arc<VerifiedToken>) -> usize {
    let mut cache = cache(1, usize::MAX);
    remember(&mut cache, 0, token);
    cache.bytes
}

#[test]
fn v41_finds_a_token_by_all_of_it() {
    let mut cache = cache(10, 1 << 20);
    let known = token(0, 1);
    remember(&mut cache, 1, &known);
    assert!(cache.get(&identity(1)).is_some_and(|found| Arc::ptr_eq(&found, &known)));
    for byte in 0..text(1).len() {
        let mut other = text(1).as_bytes().to_vec();
        other[byte] ^= 1;
        let other = String::from_utf8(other).unwrap();
        assert!(cache.get(&TokenIdentity::of(&other)).is_none(), "byte {byte} counts: {other}");
    }
    for byte in 0..32 {
        let mut other = identity(1);
        other.tail.0[byte] ^= 1;
        assert!(cache.get(&other).is_none(), "byte {byte} of the digest counts");
    }
}

#[test]
fn v41_holds_half_of_a_signature() {
    let mut cache = cache(10, 1 << 20);
    remember(&mut cache, 7, &token(0, 1));
    let held: Vec<&str> = cache.entries.iter().map(|entry| &*entry.head).collect();
    assert_eq!(held, ["header.payload-7.signa"]);
    assert!(!format!("{cache:?}").contains("payload-7"), "{cache:?}");
}

#[test]
fn is_bounded_by_number_and_keeps_what_is_asked_for() {
    let mut cache = cache(3, 1 << 20);
    let token = token(0, 1);
    for number in 0..100 {
        remember(&mut cache, number, &token);
        assert!(cache.get(&identity(0)).is_some(), "asked for each time, so kept: {number}");
    }
    assert_eq!((cache.entries.len(), cache.queue.len()), (3, 3));
}

#[test]
fn is_bounded_by_bytes() {
    let (small, large) = (token(0, 1), token(3000, 1));
    let mut cache = cache(1000, 4 * size(&small));
    for number in 0..10 {
        remember(&mut cache, number, &small);
    }
    assert_eq!((cache.entries.len(), cache.bytes), (4, 4 * size(&small)));
    remember(&mut cache, 99, &large);
    assert!(cache.get(&identity(99)).is_none(), "larger than all of the cache");
    assert_eq!(cache.entries.len(), 4);
}

#[test]
fn v41_forgets_the_tokens_of_a_key() {
    let mut cache = cache(10, 1 << 20);
    for number in 0..6 {
        remember(&mut cache, number, &token(0, u8::try_from(number % 2).unwrap()));
    }
    cache.retain(|token| token.key != [1; 32]);
    let left: Vec<usize> = (0..6).filter(|number| cache.get(&identity(*number)).is_some()).collect();
    assert_eq!(left, [0, 2, 4]);
    assert_eq!(cache.bytes, 3 * size(&token(0, 1)));
}

#[test]
fn the_queue_does_not_grow_with_what_is_forgotten() {
    let mut cache = cache(1000, 1 << 20);
    let token = token(0, 1);
    for number in 0..10_000 {
        remember(&mut cache, number, &token);
        cache.remove(&identity(number).digest());
    }
    assert!(cache.queue.len() <= QUEUE_SLACK + 1, "{}", cache.queue.len());
    assert_eq!(cache.bytes, 0);
}

proptest! {
    /// Whatever is done to it, what it holds is what its counters say, within its bounds.
    #[test]
    fn keeps_its_books(steps in proptest::collection::vec((0..4_u8, 0..12_usize, 0..600_usize), 0..200)) {
        let mut cache = cache(6, 12_000);
        let mut known = BTreeSet::new();
        for (what, number, padding) in steps {
            match what {
                0 | 1 => {
                    remember(&mut cache, number, &token(padding, u8::try_from(number % 3).unwrap()));
                    known.insert(number);
                }
                2 => cache.remove(&identity(number).digest()),
                _ => cache.retain(|token| usize::from(token.key[0]) != number % 3),
            }
            let held: usize = cache.entries.iter().map(|entry| entry.bytes()).sum();
            prop_assert_eq!(cache.bytes, held);
            prop_assert!(cache.entries.len() <= 6 && held <= 12_000);
            let mut queued: Vec<[u8; 32]> = cache.queue.iter().map(|digest| digest.0).collect();
            queued.sort_unstable();
            queued.dedup();
            prop_assert!(cache.entries.iter().all(|entry| queued.contains(&entry.digest.0)));
        }
    }
}

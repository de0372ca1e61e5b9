//! How large lists are on the wire, and how many live at a time. The figures are in docs/measurements.md; this prints
//! them (`--no-capture`) and fails when they are no longer so.

use super::super::list::encode_statuses;
use super::*;
use crate::domain::{Capacity, LIST_RETENTION, ListId, MAX_LIFETIME, Seed, StatusList, WINDOW};

/// Of a thousand tokens, how many are revoked.
const RATES: [u32; 4] = [0, 1, 10, 100];

/// Bytes of `lst` of a full list with so many of a thousand revoked, which the permutation spreads over it.
fn encoded(capacity: Capacity, rate: u32) -> usize {
    let seed = Seed::decode("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let id = ListId::from_bytes([0; ListId::BYTES]);
    let list = StatusList::new(id, Algorithm::Es256, NOW, capacity, &seed);
    let positions = capacity.positions();
    let mut statuses = vec![0; positions as usize / 8];
    let revoked = u64::from(positions) * u64::from(rate) / 1000;
    for position in 0..u32::try_from(revoked).unwrap() {
        let index = list.index(position) as usize;
        statuses[index / 8] |= 1 << (index % 8);
    }
    encode_statuses(&statuses).len()
}

/// The lists of one window with so many tokens, by capacity: as [`Capacity::of_next`] has them.
fn lists(mut tokens: u64) -> [u64; 3] {
    let mut counts = [0; 3];
    while tokens > 0 {
        let capacity = Capacity::of_next(counts.iter().sum());
        let place = Capacity::ALL.iter().position(|it| *it == capacity).unwrap();
        counts[place] += 1;
        tokens = tokens.saturating_sub(u64::from(capacity.positions()));
    }
    counts
}

#[test]
fn lists_stay_small() {
    let sizes = Capacity::ALL.map(|capacity| RATES.map(|rate| encoded(capacity, rate)));
    println!("capacity: bytes of `lst` at 0, 0.1 %, 1 % and 10 % revoked");
    for (capacity, sizes) in Capacity::ALL.iter().zip(&sizes) {
        println!("{:>9}: {sizes:?}", capacity.positions());
    }
    println!(
        "live tokens, their life: lists at a time (2^16, 2^18, 2^20): kilobytes of all of them at each rate"
    );
    for live in [1_000_000, 100_000_000] {
        for life in [900, MAX_LIFETIME] {
            // Those that expire in one window, and how many windows have tokens or had them a moment ago.
            let per_window = live * WINDOW / life;
            let windows = life / WINDOW + 1 + LIST_RETENTION / WINDOW;
            let counts = lists(per_window).map(|count| count * windows);
            let totals = [0, 1, 2, 3].map(|rate| {
                let bytes: u64 =
                    counts.iter().zip(&sizes).map(|(count, sizes)| count * sizes[rate] as u64).sum();
                bytes / 1000
            });
            println!("{live:>9}, {life:>4} s: {counts:?}: {totals:?}");
        }
    }
    // Ten per cent revoked is 0.47 bits a token by Shannon; base64url of the bits alone would be 174,764 bytes.
    for (size, most) in sizes[2].iter().zip([300, 4_000, 22_000, 110_000]) {
        assert!(*size < most, "{size} of {most}");
    }
}

/// How long an index takes, of which each token with a status needs one.
#[test]
fn an_index_costs_next_to_nothing() {
    let list = StatusList::new(
        ListId::from_bytes([0; ListId::BYTES]),
        Algorithm::Es256,
        NOW,
        Capacity::Bits20,
        &Seed::generate().unwrap(),
    );
    let started = std::time::Instant::now();
    let _ = list.index(0);
    println!("{} us for the first index of a list", started.elapsed().as_micros());
    let started = std::time::Instant::now();
    let sum: u64 = (0..10_000).map(|position| u64::from(list.index(position))).sum();
    println!("{} ns for each other ({sum})", started.elapsed().as_nanos() / 10_000);
}

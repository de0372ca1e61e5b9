use super::*;

const SEED: Seed = Seed([7; Seed::BYTES]);

fn list(capacity: Capacity, seed: &Seed) -> StatusList {
    let expires_at = UnixTime::from_seconds(1_800_000_000);
    StatusList::new(ListId([1; 6]), Algorithm::Es256, expires_at, capacity, seed)
}

#[test]
fn every_position_has_its_own_index_and_back() {
    for capacity in [Capacity::Bits16, Capacity::Bits18] {
        let list = list(capacity, &SEED);
        let mut taken = vec![false; capacity.positions() as usize];
        for position in 0..capacity.positions() {
            let index = list.index(position);
            assert!(!std::mem::replace(&mut taken[index as usize], true), "{index} twice");
        }
        for position in (0..capacity.positions()).step_by(97) {
            assert_eq!(list.position(list.index(position)), Some(position));
        }
        assert_eq!(list.position(capacity.positions()), None);
    }
}

/// Neighbours do not stay together, in either half: of the differences between the indices of neighbours, few are equal.
#[test]
fn neighbouring_positions_are_far_apart() {
    let list = list(Capacity::Bits20, &SEED);
    let differences: std::collections::HashSet<u32> =
        (0..1000).map(|position| list.index(position) ^ list.index(position + 1)).collect();
    assert!(differences.len() > 990, "{}", differences.len());
    // A thousand of a million in order fall into each quarter about equally.
    let quarter = (0..1000).filter(|position| list.index(*position) < 1 << 18).count();
    assert!((180..=320).contains(&quarter), "{quarter}");
}

#[test]
fn another_seed_is_another_permutation() {
    let (one, other) = (list(Capacity::Bits16, &SEED), list(Capacity::Bits16, &Seed([8; 32])));
    let same = (0..1000).filter(|position| one.index(*position) == other.index(*position)).count();
    assert!(same < 5, "{same}");
}

#[test]
fn windows_end_at_or_after_the_expiry() {
    for (expiry, end) in [(0, 0), (1, 300), (300, 300), (301, 600)] {
        assert_eq!(window_end(UnixTime::from_seconds(expiry)), UnixTime::from_seconds(end));
    }
}

#[test]
fn lists_outlive_the_clocks_that_verifiers_forgive() {
    let list = list(Capacity::Bits16, &SEED);
    assert!(list.is_alive(list.expires_at.plus(299)));
    assert!(!list.is_alive(list.expires_at.plus(300)));
}

#[test]
fn the_name_of_a_list_is_text() {
    let id = ListId::generate().unwrap();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.to_string().len(), 8);
    for wrong in ["", "AAAAAAA", "AAAAAAAA=", "AAAAAAAAA", "AAAA AAA", "../../x."] {
        assert_eq!(wrong.parse::<ListId>(), Err(ListIdError), "{wrong}");
    }
}

#[test]
fn debug_shows_no_seed() {
    let list = list(Capacity::Bits16, &SEED);
    let _ = list.index(0);
    let shown = format!("{SEED:?} {list:?}");
    assert!(shown.starts_with("Seed(…) StatusList {"), "{shown}");
    assert!(shown.ends_with("capacity: Bits16, permutation: Permutation(…) }"), "{shown}");
}

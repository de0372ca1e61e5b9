use super::*;
use alloc::{format, string::ToString, vec, vec::Vec};
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use serde_json::json;

use crate::{
    json::{self, Bounds},
    testing::encode,
};

mod vectors;

/// Reads the claim `status_list` of a list token.
fn read(bits: u32, list: &str) -> Result<StatusList, ListFault> {
    read_json(&json!({ "bits": bits, "lst": list }).to_string())
}

fn read_json(text: &str) -> Result<StatusList, ListFault> {
    let bounds = Bounds { bytes: limits::STATUS_LIST_BYTES, depth: 8, elements: 8 };
    let node = json::parse(text, bounds).unwrap();
    StatusList::read(node.as_object().unwrap())
}

fn compressed(bytes: &[u8]) -> String {
    encode(compress_to_vec_zlib(bytes, 9))
}

fn all(list: &StatusList) -> Vec<u8> {
    (0..list.len()).map(|index| list.get(index).unwrap()).collect()
}

#[test]
fn the_drafts_examples_read_as_they_say() {
    // §4.1 and §4.2: two bytes of single bits, three bytes of pairs.
    let list = read(1, "eNrbuRgAAhcBXQ").unwrap();
    assert_eq!(all(&list), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    let list = read(2, "eNo76fITAAPfAgc").unwrap();
    assert_eq!(all(&list), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
}

#[test]
fn the_drafts_test_vectors_read_as_they_say() {
    for vectors::Vector { bits, list, set } in vectors::SMALL {
        let list = read(bits, list).unwrap();
        assert_eq!(list.len(), vectors::ENTRIES);
        let found: Vec<(u64, u8)> = (0..list.len())
            .map(|index| (index, list.get(index).unwrap()))
            .filter(|(_, it)| *it != 0)
            .collect();
        assert_eq!(found, set, "{bits} bits");
    }
    let list = read(8, vectors::BYTES).unwrap();
    assert_eq!(list.len(), vectors::ENTRIES);
    for (value, index) in vectors::BYTES_AT.into_iter().enumerate() {
        assert_eq!(list.get(index).map(usize::from), Some(value), "{index}");
    }
    assert_eq!(all(&list).into_iter().filter(|status| *status != 0).count(), 255);
}

#[test]
fn nothing_stands_beyond_the_end() {
    for (bits, entries) in [(1, 16), (2, 8), (4, 4), (8, 2)] {
        let list = read(bits, &compressed(&[0xff, 0xff])).unwrap();
        let most = u8::MAX >> (8 - bits);
        assert_eq!((list.len(), list.get(entries - 1)), (entries, Some(most)), "{bits} bits");
        for beyond in [entries, entries + 1, u64::from(u32::MAX) + 1, u64::MAX / 8, u64::MAX] {
            assert_eq!(list.get(beyond), None, "{bits} bits, {beyond}");
        }
    }
    let empty = read(1, &compressed(&[])).unwrap();
    assert_eq!((empty.len(), empty.get(0)), (0, None));
}

#[test]
fn a_list_that_is_none_is_refused() {
    let good = compressed(&[1, 2, 3]);
    for bits in ["0", "3", "16", "1.0", "\"1\"", "null", "-1"] {
        let text = format!(r#"{{"bits":{bits},"lst":"{good}"}}"#);
        assert_eq!(read_json(&text), Err(ListFault::BitsUnknown), "{bits}");
    }
    assert_eq!(read_json(&format!(r#"{{"lst":"{good}"}}"#)), Err(ListFault::BitsUnknown));
    assert_eq!(read_json(r#"{"bits":1}"#), Err(ListFault::ListMissing));
    assert_eq!(read_json(r#"{"bits":1,"lst":[1]}"#), Err(ListFault::ListMissing));
    assert_eq!(read(1, &format!("{good}=")), Err(ListFault::NotBase64Url));
    assert_eq!(read(1, "+/"), Err(ListFault::NotBase64Url));
    // Not at all, raw DEFLATE, gzip, a part of one, one and more, one with a wrong check sum.
    let stream = compress_to_vec_zlib(&[1, 2, 3], 9);
    let mut wrong = stream.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let longer = [stream.as_slice(), &[0]].concat();
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for bytes in [&[][..], b"list", &stream[2..], &gzip, &stream[..stream.len() - 1], &longer, &wrong] {
        assert_eq!(read(1, &encode(bytes)), Err(ListFault::NotZlib), "{bytes:x?}");
    }
}

#[test]
fn v43_a_list_is_inflated_to_its_bound_and_no_further() {
    let most = limits::STATUS_LIST_INFLATED_BYTES;
    assert_eq!(read(1, &compressed(&vec![0; most])).unwrap().size(), most);
    assert_eq!(read(1, &compressed(&vec![0; most + 1])), Err(ListFault::TooLong));
    // A bomb of a gigabyte, in a megabyte of zeros that each stand for a thousand: what is read of it is the bound.
    let bomb = compressed(&vec![0; 64 * most]);
    assert!(bomb.len() < limits::STATUS_LIST_BYTES / 2);
    assert_eq!(read(1, &bomb), Err(ListFault::TooLong));
}

#[test]
fn names_tell_lists_apart() {
    let name = ListName::new(3, "https://issuer.example/v1/status/1");
    assert_eq!(name, ListName::new(3, "https://issuer.example/v1/status/1"));
    assert_ne!(name, ListName::new(4, "https://issuer.example/v1/status/1"));
    assert_ne!(name, ListName::new(3, "https://issuer.example/v1/status/2"));
    assert_eq!(name.issuer(), 3);
}

proptest! {
    #[test]
    fn any_list_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..300), width in 0_u32..4) {
        let bits = 1 << width;
        let list = read(bits, &compressed(&bytes)).unwrap();
        // The rule of §4, written down naively: bit by bit, the lowest first.
        let ones: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)).collect();
        let expected: Vec<u8> = ones
            .chunks(usize::try_from(bits).unwrap())
            .map(|status| status.iter().rev().fold(0, |value, bit| value << 1 | bit))
            .collect();
        prop_assert_eq!(all(&list), expected);
    }

    #[test]
    fn survives_any_list(bits in 0_u32..10, bytes in prop::collection::vec(any::<u8>(), 0..300), index: u64) {
        if let Ok(list) = read(bits, &encode(&bytes)) {
            prop_assert!(list.size() <= limits::STATUS_LIST_INFLATED_BYTES);
            prop_assert_eq!(list.get(index).is_some(), index < list.len());
        }
    }

    #[test]
    fn survives_a_damaged_list(at in 0_usize..400, change: u8, index: u64) {
        let mut bytes = compress_to_vec_zlib(&[0x5a, 0, 0, 1].repeat(500), 6);
        let at = at % bytes.len();
        bytes[at] ^= change;
        if let Ok(list) = read(1, &encode(&bytes)) {
            prop_assert_eq!(list.get(index).is_some(), index < list.len());
        }
    }
}

//! Base64url as JOSE wants it (RFC 7515 §2): no padding, and one spelling for each value.

use alloc::vec::Vec;
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Refuses padding and non-zero trailing bits, so that no value has two spellings (RFC 4648 §3.5).
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// A text that is not canonical unpadded base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotBase64Url;

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    ENGINE.decode(text).map_err(|_| NotBase64Url)
}

/// How many bytes a text decodes to, if it decodes: each character is six bits.
pub(crate) fn decoded_len(text: &str) -> usize {
    text.len() / 4 * 3 + text.len() % 4 * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_length_beforehand() {
        for text in ["", "AA", "AAA", "AAAA", "AAAAAA", "AAAAAAA"] {
            assert_eq!(decoded_len(text), decode(text).unwrap().len(), "{text:?}");
        }
    }

    #[test]
    fn v03_has_one_spelling_for_each_value() {
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for other in ["-_9", "-_8=", "+/8", "-_8 ", " -_8", "-\n_8", "-_8==", "-"] {
            assert_eq!(decode(other), Err(NotBase64Url), "{other:?}");
        }
    }
}

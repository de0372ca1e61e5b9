//! Inflating what is compressed as zlib has it (RFC 1950), within a bound.

use alloc::{boxed::Box, vec, vec::Vec};

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};

/// Why a text cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It is longer than the bound when it is.
    TooLong,
    /// It is none that zlib made, or not the whole of one, or something follows it.
    Malformed,
}

/// The first guess of the result's length, as a multiple of the input's: lists with few revoked tokens are longer by
/// far, and then the guess doubles until the bound.
const GUESS: usize = 4;

/// Inflates all of the input to at most `limit` bytes. No more than twice the limit of memory is touched for it.
pub(super) fn inflate(input: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let flags =
        inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    // One more than the limit, so that what fills it and what runs over are told apart.
    let most = limit.saturating_add(1);
    let mut output = vec![0; input.len().saturating_mul(GUESS).clamp(1, most)];
    let mut state = Box::<DecompressorOxide>::default();
    let (mut read, mut written) = (0, 0);
    loop {
        let rest = input.get(read..).unwrap_or_default();
        let (status, consumed, produced) = decompress(&mut state, rest, &mut output, written, flags);
        read += consumed;
        written += produced;
        match status {
            TINFLStatus::Done if written > limit => return Err(InflateError::TooLong),
            TINFLStatus::Done if read == input.len() => {
                output.truncate(written);
                return Ok(output);
            }
            TINFLStatus::HasMoreOutput if output.len() < most => {
                let longer = output.len().saturating_mul(2).min(most);
                output.resize(longer, 0);
            }
            TINFLStatus::HasMoreOutput => return Err(InflateError::TooLong),
            _ => return Err(InflateError::Malformed),
        }
    }
}

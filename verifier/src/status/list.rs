//! A status list (§4): a status for each token of a group, by its index.

use alloc::vec::Vec;

use super::{
    document::ListFault,
    inflate::{InflateError, inflate},
};
use crate::{
    base64url,
    json::{Object, Value},
    limits,
};

/// Statuses of 1, 2, 4 or 8 bits, the first in the lowest bits of a byte.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StatusList {
    /// The bits of a status, as a power of two: 0, 1, 2 or 3.
    width: u32,
    bytes: Vec<u8>,
}

impl StatusList {
    /// Reads the claim `status_list` of a status list token (§4.2).
    pub(super) fn read(list: &Object<'_>) -> Result<Self, ListFault> {
        let width = match list.get("bits").map(|node| &node.value) {
            Some(Value::Number("1")) => 0,
            Some(Value::Number("2")) => 1,
            Some(Value::Number("4")) => 2,
            Some(Value::Number("8")) => 3,
            _ => return Err(ListFault::BitsUnknown),
        };
        let text = list.text("lst").ok_or(ListFault::ListMissing)?;
        let compressed = base64url::decode(text).map_err(|_| ListFault::NotBase64Url)?;
        let bytes =
            inflate(&compressed, limits::STATUS_LIST_INFLATED_BYTES).map_err(|error| match error {
                InflateError::TooLong => ListFault::TooLong,
                InflateError::Malformed => ListFault::NotZlib,
            })?;
        Ok(Self { width, bytes })
    }

    /// How many statuses there are.
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_mul(8 >> self.width)
    }

    /// The status at an index, if the list is that long.
    pub(crate) fn get(&self, index: u64) -> Option<u8> {
        // A byte holds 8, 4, 2 or 1 statuses.
        let byte = self.bytes.get(usize::try_from(index >> (3 - self.width)).ok()?)?;
        let place = u32::try_from(index & ((8 >> self.width) - 1)).ok()?;
        let mask = u8::MAX >> (8 - (1 << self.width));
        Some(byte >> (place << self.width) & mask)
    }

    /// The memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl core::fmt::Debug for StatusList {
    /// A megabyte of numbers says nothing to anyone.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StatusList").field("len", &self.len()).finish_non_exhaustive()
    }
}

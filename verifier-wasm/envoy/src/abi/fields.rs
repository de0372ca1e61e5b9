//! Names and values in the form in which they cross the ABI: their number, the lengths of each name and value, then all
//! of them, each followed by a zero byte. Numbers have 32 bits, little-endian.

/// Fields as the proxy handed them over. They stay where they are: a request that passes costs no copies.
#[derive(Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The names and values, in order. What is not in the form ends them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (number, rest) = split_number(&self.0).unwrap_or_default();
        let (mut lengths, mut texts) = rest.split_at_checked(number.saturating_mul(8)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (name_length, rest) = split_number(lengths)?;
            let (value_length, rest) = split_number(rest)?;
            lengths = rest;
            let (name, rest) = split_text(texts, name_length)?;
            let (value, rest) = split_text(rest, value_length)?;
            texts = rest;
            Some((name, value))
        })
    }
}

fn split_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn split_text(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((text, rest.get(1..)?))
}

/// Fields in that form.
pub(super) fn serialize(fields: &[(&str, &str)]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(fields.len()).to_vec();
    for (name, value) in fields {
        bytes.extend_from_slice(&number(name.len()));
        bytes.extend_from_slice(&number(value.len()));
    }
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// A path of names, with a zero byte between them.
pub(super) fn serialize_path(path: &[&str]) -> Vec<u8> {
    path.join("\0").into_bytes()
}

//! Names and values in one piece of memory, in the form in which they cross proxy-wasm's ABI: their number, the lengths
//! of each name and value, then all of them, each followed by a zero byte. Numbers have 32 bits, little-endian.

/// Header fields as the proxy handed them over. They stay where they are: a request that passes costs no copies.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Fields that are in that form already.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// These fields.
    #[must_use]
    pub fn new(fields: &[(&str, &str)]) -> Self {
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
        Self(bytes)
    }

    /// The whole, in that form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names and values, in order. Bytes that are not in the form end them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
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

#[cfg(test)]
mod tests;

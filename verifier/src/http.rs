//! The grammar of HTTP, as far as it is needed here (RFC 9110).

/// Whether a text is a `token` (§5.6.2), as field names and schemes are.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether a text can stand in a field value without a byte that any proxy would mind.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A field name in the one spelling that all its spellings share behind gateways that turn `_` into `-`,
/// or both into the `_` of an environment variable (RFC 3875 §4.1.18).
pub(crate) fn folded(name: &str) -> alloc::string::String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether a field name has this spelling once it is [`folded`].
pub(crate) fn folds_to(name: &str, folded: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == folded.len() && name.bytes().map(fold).eq(folded.bytes())
}

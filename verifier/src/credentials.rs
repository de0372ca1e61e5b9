//! The request, and the token in it (RFC 6750 §2).

use crate::error::Error;

/// An HTTP request as it arrived, before anything rewrote it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The method, as it was sent.
    pub method: &'r str,
    /// The Host field or the `:authority` pseudo-header.
    pub host: &'r str,
    /// The request target: path and query, undecoded.
    pub target: &'r str,
    /// Header fields, a pair for each field line; at least those that [`Verifier::reads`] names.
    ///
    /// [`Verifier::reads`]: crate::Verifier::reads
    pub headers: &'r [(&'r str, &'r str)],
}

/// The header fields that decisions depend on.
pub(crate) const FIELDS: &[&str] = &["authorization"];

impl<'r> Request<'r> {
    /// The Bearer token of this request. Another scheme is as good as none; more than one Authorization
    /// field is an error, since somebody else may read the other one.
    pub(crate) fn bearer_token(&self) -> Result<&'r str, Error> {
        let mut fields = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let (_, value) = fields.next().ok_or(Error::TokenMissing)?;
        match fields.count() {
            0 => {}
            others => return Err(Error::CredentialsRepeated { fields: others + 1 }),
        }
        let value = value.trim_matches([' ', '\t']);
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            // A proxy that joined two fields made them one value: `Basic …,Bearer …` has to be no way in.
            return Err(if value.contains(',') { Error::CredentialsMalformed } else { Error::TokenMissing });
        }
        let token = token.trim_start_matches(' ');
        if token.is_empty() || !token.bytes().all(is_token68) {
            return Err(Error::CredentialsMalformed);
        }
        Ok(token)
    }
}

/// The characters of a `b64token` (RFC 6750 §2.1).
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token<'r>(headers: &'r [(&'r str, &'r str)]) -> Result<&'r str, Error> {
        Request { method: "GET", host: "h", target: "/", headers }.bearer_token()
    }

    #[test]
    fn v33_reads_the_scheme_in_any_case_and_spaces_as_the_grammar_has_them() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", " Bearer a.b.c\t"] {
            assert_eq!(token(&[("Authorization", value)]), Ok("a.b.c"), "{value:?}");
        }
        assert_eq!(token(&[("cookie", "x"), ("AUTHORIZATION", "Bearer t")]), Ok("t"));
    }

    #[test]
    fn v33_refuses_all_but_exactly_one_token() {
        assert_eq!(token(&[]), Err(Error::TokenMissing));
        for value in ["Basic dTpw", "XBearer t", "BearerX t", "", "t", "Basic foo Bearer t"] {
            assert_eq!(token(&[("authorization", value)]), Err(Error::TokenMissing), "{value:?}");
        }
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,Bearer b",
            "Basic x,Bearer b",
            "Bearer a\tb",
            "Bearer é",
        ] {
            assert_eq!(token(&[("authorization", value)]), Err(Error::CredentialsMalformed), "{value:?}");
        }
        let two = [("authorization", "Bearer a"), ("Authorization", "Bearer a")];
        assert_eq!(token(&two), Err(Error::CredentialsRepeated { fields: 2 }));
    }
}

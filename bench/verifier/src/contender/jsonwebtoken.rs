//! The peer that everything is held against: jsonwebtoken with aws-lc, in native code.

use std::hint::black_box;

use jsonwebtoken::{DecodingKey, Validation, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;
use tessera_verifier::Algorithm;

use crate::{
    contender::Contender,
    error::BenchError,
    material::{AUDIENCE, ISSUER, LEEWAY, SCOPE},
};

const NAME: &str = "jsonwebtoken";

/// A key read before, and a validation that asks what the policy asks.
pub(crate) struct JsonWebToken {
    key: DecodingKey,
    validation: Validation,
    token: String,
}

/// What a service needs of an access token; that the rest of RFC 9068 is there is asked by reading it.
#[derive(Deserialize)]
struct AccessToken {
    sub: String,
    client_id: String,
    jti: String,
    iat: u64,
    scope: String,
}

impl JsonWebToken {
    pub(crate) fn new(algorithm: Algorithm, jwk: &Value, token: String) -> Result<Self, BenchError> {
        let unfit = |error: &dyn std::fmt::Display| refused(error.to_string());
        let jwk = Jwk::deserialize(jwk).map_err(|error| unfit(&error))?;
        let algorithm = algorithm.name().parse().map_err(|error| unfit(&error))?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        let key = DecodingKey::from_jwk(&jwk).map_err(|error| unfit(&error))?;
        Ok(Self { key, validation, token })
    }
}

impl Contender for JsonWebToken {
    fn decide(&mut self) -> Result<(), BenchError> {
        let data = jsonwebtoken::decode::<AccessToken>(&self.token, &self.key, &self.validation)
            .map_err(|error| refused(error.to_string()))?;
        if data.header.typ.as_deref() != Some("at+jwt") {
            return Err(refused("the type".into()));
        }
        if !data.claims.scope.split(' ').any(|scope| scope == SCOPE) {
            return Err(refused("the scope".into()));
        }
        let AccessToken { sub, client_id, jti, iat, .. } = data.claims;
        black_box((sub, client_id, jti, iat));
        Ok(())
    }
}

fn refused(reason: String) -> BenchError {
    BenchError::Refused { contender: NAME, reason }
}

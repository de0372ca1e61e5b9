//! Signatures whose verdict is known, to try a function with that verifies some. Made by the Python package
//! `cryptography`; nobody has the private keys any more.

use tessera_verifier::{Algorithm, SignatureInput};

/// A signature over [`MESSAGE`], and nothing else.
pub(super) struct Known {
    pub(super) algorithm: Algorithm,
    key: Vec<u8>,
    signature: Vec<u8>,
    /// The signature with another last byte.
    altered: Vec<u8>,
}

const MESSAGE: &[u8] = b"tessera";
const ANOTHER: &[u8] = b"Tessera";

pub(super) fn all() -> Vec<Known> {
    [
        (Algorithm::Rs256, RSA_KEY, RS256),
        (Algorithm::Rs384, RSA_KEY, RS384),
        (Algorithm::Rs512, RSA_KEY, RS512),
        (Algorithm::Es256, P256_KEY, ES256),
    ]
    .into_iter()
    .map(|(algorithm, key, signature)| {
        let signature = bytes(signature);
        let mut altered = signature.clone();
        altered.last_mut().into_iter().for_each(|last| *last ^= 1);
        Known { algorithm, key: bytes(key), signature, altered }
    })
    .collect()
}

impl Known {
    pub(super) fn good(&self) -> SignatureInput<'_> {
        let Self { algorithm, key, signature, .. } = self;
        SignatureInput { algorithm: *algorithm, key, message: MESSAGE, signature }
    }

    /// The signature over something else, and another signature.
    pub(super) fn bad(&self) -> [SignatureInput<'_>; 2] {
        [
            SignatureInput { message: ANOTHER, ..self.good() },
            SignatureInput { signature: &self.altered, ..self.good() },
        ]
    }
}

/// Bytes written in hexadecimal.
fn bytes(text: &str) -> Vec<u8> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    pairs.filter_map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

const RSA_KEY: &str = "\
    30820122300d06092a864886f70d01010105000382010f003082010a0282010100a5fcb89694d9706c4cf53c48b16bf3\
    3ae32d791c936374c9addff5c4ec30d3e5f8aecfa4876fecb23474a4e4e5acfc0cc604af33bbe0264a0e016d0ee3f739\
    e2860c585967708f96a491d2b6d900b81ab049c53cc0b7c127def82e5d52fb9b709df9f358b4be342a54b8ee2c2db518\
    ef0e1af707c589befcfe661b6b9993a207f7888066ad7061a4932585f82ed8ebf59d3c2272e8f24f8f9299b4e7b00b00\
    65dcdde0025851a4674c0b6f899ec57e7c2cc9ab42e0426ae068032a297ae9a1e511c68a832d8435ae47c2da64d5eb44\
    a63133aa1e57ba865fb7ed2824de6eeb0a816bb1549fcf0f67a839d3d5b0e88556d48b2cfeddc83a3f3d7b6fdf89723e\
    e30203010001";

const RS256: &str = "\
    7fc85a4cd37d4347a229c46ad3e13d57316759faa75dc74f9744444e96b6f54117a1dcf663da7e74d38bbcd92c622268\
    13dcde7afbf8a807d424be369e51a663315a268308e596faea095530bb5b7329986cf18486dac33f4aa0b0f462903773\
    33f1efab03f096ccacefef4886d5d4707b3733539e911871af9e1a9b9256231261a957b3bd8257b01bba0b6c83c4c18b\
    cba3696ca2c4d1da34722d6b704206156b6b5c9897faa1eb0dc2010ce138bf61d73211f3392b14f78667a03962d614ec\
    f7a02dedbf83517ebd1feb2e4d829e011e842c9d2736bddb285bf2e16b663e20f22b3726cd1d7deedd17ca27abcff8dc\
    324037f3059cbe6478089bb422fabf37";

const RS384: &str = "\
    90e980b714eb6afdbbe33cf08064ddb07072d3cc1acaedccc942d8361c1079ce4e4314198aa17f6af8ff05de7b1a1399\
    319b12fccf78b6ddaae2d8e3c654f2589d5418e3edaaa56fd474310d584f2be1f1d4932905d2dda263964ae85db15e20\
    f6cc74af717e0684eb0ee1b47c4974a0c14a5d97275c6edd4a12cd914ec57d4447da1f9071527226bcfe76371316a292\
    f7056a88f0c9e4a685b28eff94edf8a0d8d3e81ab15e1e75095a1f2399214fb39feaa87256ee51d63796fe0db654d73c\
    49e085356a90eea4bff5710a6af4e2be8556c37cb8c7db5c80934d3d308dbe257c3ec4eb0625323f733ee27ec3821b1b\
    934e5326a2a2ea22c301ea27d68d8ded";

const RS512: &str = "\
    49f7bf00c72283f8a2568ce8d6a5b76f7fe3babe0c85fa6076f3e8cb0b73e5adc4090b1a6d3de47aa438b2785fd6463c\
    033073664f3cd3a6fee3231faafe82ac209b607947fb7a5032ec9fb0057f3b3c327ab99fe2c55b3f0a0ce3258cfddece\
    44eff10776bcb8ec02aea1e58ec3b2c569939d69c0fe94f3165092e233215cec0a7c83431e46b267c9bef63895208eb4\
    a30f36624f860a906e19825156ac5c75cb22a8a72dd81562649bd0e38d725b32ecf0f0d67ab3474685e84c885a4cb1d9\
    c1f9e99edbcc1c10b99af51336f4519664e571a9a7e6b8a4e82aad1a18125fbda9d143f76604c8da35954145ecb02909\
    a7baf13549b0f125bde99316092b0d29";

const P256_KEY: &str = "\
    3059301306072a8648ce3d020106082a8648ce3d03010703420004d3ec444d19ad1ad0249fb39d7708a33324411abb3a\
    f822504baba9a687fb03a3b5e6d53926238f7c085bf191235ee16f0336c089eae57ec9ba5ad0524490277e";

const ES256: &str = "\
    eb45f6fdf1a2bc0ae6cbe54d78993b08cb0a9874d7782bc91f6494e50d3f0a8779f47889826685946b9534d94f1fd943\
    4d8bebcd539ec1e148b4110d3d1bcc82";

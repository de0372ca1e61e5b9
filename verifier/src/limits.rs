//! Every limit the verifier sets on its input, and where each number comes from.
//!
//! A limit is checked before the work that it bounds.

use core::time::Duration;

/// The longest token looked at, in bytes: nginx takes no longer a header line by default
/// (`large_client_header_buffers`), so tokens that are in use anywhere stay below that.
pub const TOKEN_BYTES: usize = 8 * 1024;

/// The longest JOSE header, in bytes after decoding. A header names an algorithm, a type and a key; a
/// certificate chain (`x5c`), the one thing that makes it long, is never used here.
pub const TOKEN_HEADER_BYTES: usize = 1024;

/// The most members of any JSON object. Tokens of real issuers have some 30 claims, policies and keys
/// fewer members; names are compared each with each, which this bound keeps below the cost of a hash.
pub const OBJECT_MEMBERS: usize = 128;

/// The most elements of an array in a token: group claims of Entra ID end at 200 for a JWT.
pub const TOKEN_ELEMENTS: usize = 256;

/// The deepest nesting of JSON in a token. Kubernetes' projected tokens have 3 levels.
pub const TOKEN_DEPTH: usize = 8;

/// The longest `kid`, in bytes. A SHA-512 thumbprint in hexadecimal has 128.
pub const KEY_ID_BYTES: usize = 256;

/// The longest issuer, subject, client or audience value, in bytes: OpenID Connect Core §2 bounds `sub`
/// at 255 ASCII characters, SPIFFE IDs end at 2048 bytes.
pub const IDENTIFIER_BYTES: usize = 2048;

/// The most audiences in a token.
pub const TOKEN_AUDIENCES: usize = 64;

/// The most scopes in a token.
pub const TOKEN_SCOPES: usize = 256;

/// The largest `NumericDate`: 2⁵³, up to which JSON numbers are exact everywhere (RFC 8259 §6).
pub const NUMERIC_DATE_MAX: u64 = 1 << 53;

/// The longest key set, in bytes. The largest public ones (Google, Entra ID) have about 20 kB.
pub const KEY_SET_BYTES: usize = 512 * 1024;

/// The most keys in a set. Entra ID publishes about 30.
pub const KEY_SET_KEYS: usize = 100;

/// The deepest nesting of JSON in a key set; a plain one has 4 levels, `x5c` included.
pub const KEY_SET_DEPTH: usize = 8;

/// The smallest RSA modulus, in bits (RFC 7518 §3.3).
pub const RSA_MODULUS_MIN_BITS: usize = 2048;

/// The largest RSA modulus, in bits: verification grows with its square, and none larger is in use.
pub const RSA_MODULUS_MAX_BITS: usize = 4096;

/// The largest RSA public exponent, in bits: NIST SP 800-56B bounds it at 2²⁵⁶, but everything in use is
/// 65537 or smaller, and verification grows with it.
pub const RSA_EXPONENT_MAX_BITS: usize = 32;

/// How many good signatures a key has verified when its table is made. A table costs as much as some ten verifications
/// without one (10 ms of 1 ms each in WebAssembly): a key that has been of use this often will be again, and an instance
/// that lives for one request makes none.
pub const KEY_TABLE_SIGNATURES: u32 = 4;

/// The most memory that the table of a prepared key takes, in bytes. The largest tables, those of P-256,
/// take 88,064 with digits of 6 bits. With 5 they would take 53,248 and verify a sixth slower, with 7
/// 151,552 and verify a tenth quicker.
pub const KEY_TABLE_BYTES: usize = 96 * 1024;

/// The most memory that the tables of all prepared keys take together, in bytes: room for some 90 keys
/// on P-256 that are in use at the same time, in an eighth of the 64 MiB that our hosts give an instance.
/// Further keys verify without tables.
pub const KEY_TABLES_BYTES: usize = 8 * 1024 * 1024;

/// The longest policy document, in bytes: 1,000 routes of 250 bytes fit twice over.
pub const POLICY_BYTES: usize = 1024 * 1024;

/// The deepest nesting of JSON in a policy document.
pub const POLICY_DEPTH: usize = 16;

/// The most elements of an array in a policy document or key set.
pub const DOCUMENT_ELEMENTS: usize = 4096;

/// The most problems that are reported of one policy document: nobody reads on beyond these.
pub const POLICY_PROBLEMS: usize = 100;

/// The longest request target that routes are matched against, in bytes, as in common web servers.
pub const TARGET_BYTES: usize = 8 * 1024;

/// How long a fetch may take.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The shortest time between two fetches of one URL, in seconds, however many tokens name unknown keys.
pub const FETCH_COOLDOWN_SECONDS: u64 = 30;

/// The first pause after a failed fetch, in seconds; it doubles up to [`FETCH_COOLDOWN_SECONDS`], so
/// that a proxy that starts before its issuer is soon served and a dead issuer is left in peace.
pub const FETCH_BACKOFF_SECONDS: u64 = 1;

/// The bounds within which Cache-Control is honoured, in seconds.
pub const FRESHNESS_SECONDS: core::ops::RangeInclusive<u64> = 60..=24 * 60 * 60;

/// How long a key set is fresh when its answer does not say, in seconds.
pub const FRESHNESS_DEFAULT_SECONDS: u64 = 10 * 60;

/// How long after its fetch the last good key set may serve by default while fetching fails, in seconds. Beyond
/// it a withdrawn key would live on for as long as someone can keep the issuer unreachable. A set that
/// its issuer calls fresh for longer serves for that long.
pub const STALE_SECONDS: u64 = 12 * 60 * 60;

/// The longest status list token, in bytes. A list of 2²⁰ entries of which a tenth are revoked takes 115 kB, one of a
/// million with one revoked in a thousand 3 kB.
pub const STATUS_LIST_BYTES: usize = 512 * 1024;

/// The longest status list, in bytes after inflation: 2²³ entries of one bit, eight times the largest list of the
/// draft's test vectors. DEFLATE makes a thousand bytes of one.
pub const STATUS_LIST_INFLATED_BYTES: usize = 1024 * 1024;

/// The most status lists of one issuer that are kept: a day of tokens in windows of five minutes has 288.
pub const STATUS_LISTS: usize = 512;

/// The most memory for all status lists together, in bytes: a quarter of the 64 MiB that our hosts give an instance. The
/// one that was not asked for longest goes first.
pub const STATUS_LISTS_BYTES: usize = 16 * 1024 * 1024;

/// The largest index of a token in a status list. One bit each, so many entries fill a list.
pub const STATUS_INDEX_MAX: u64 = (STATUS_LIST_INFLATED_BYTES as u64) * 8 - 1;

/// The bounds within which the time that a status list calls itself fresh for is honoured, in seconds.
pub const STATUS_FRESHNESS_SECONDS: core::ops::RangeInclusive<u64> = 1..=60 * 60;

/// How long a status list is fresh when neither it nor its answer says, in seconds.
pub const STATUS_FRESHNESS_DEFAULT_SECONDS: u64 = 60;

/// How long beyond its freshness a status list serves by default while fetching fails, in seconds: as long as one fetch
/// may take, so that a slow answer refuses nobody.
pub const STATUS_STALE_SECONDS: u64 = FETCH_TIMEOUT.as_secs();

/// How long a status list that no token refers to any more is fetched, in seconds. Beyond it the next token waits for
/// a fetch.
pub const STATUS_IDLE_SECONDS: u64 = 5 * 60;

/// The longest issuer metadata, in bytes. Those of large providers have 2 to 5 kB.
pub const METADATA_BYTES: usize = 128 * 1024;

/// The most `kid`s that are remembered as absent from a key set, for each issuer: more at a time means that
/// somebody makes them up, and then the pause between fetches is what holds.
pub const ABSENT_KEYS: usize = 64;

/// How long a `kid` that a fetch did not bring is not fetched for again, in seconds: twice the cooldown,
/// since an issuer that announces its keys before it uses them, as it should, is never asked for one.
pub const ABSENT_KEY_SECONDS: u64 = 60;

/// How often one request may lead to a fetch: for its issuer's metadata, for the key set, then for the status list.
pub const FETCH_ROUNDS: u32 = 3;

/// The longest list of conditions that is a document of its own, in bytes: room for as many as there may be, with names
/// and values as platforms have them.
pub const CONDITIONS_BYTES: usize = 32 * 1024;

/// The most conditions of such a list. What a platform's tokens are told apart by are a dozen claims at most.
pub const CONDITIONS: usize = 128;

/// The longest pattern of the condition `glob`, in bytes: a Kubernetes service account's subject, the longest name that
/// patterns are written for, has at most 339.
pub const GLOB_BYTES: usize = 512;

/// The most places of a pattern that stand for a run of characters. `repo:*/*:ref:refs/heads/**` has three.
pub const GLOB_RUNS: usize = 8;

/// The most memory for a compiled regular expression of a route, in bytes.
pub const REGEX_BYTES: usize = 256 * 1024;

/// The longest value of a header field that is set from a claim, in bytes: half of what nginx takes for all
/// fields of a request, by default.
pub const UPSTREAM_VALUE_BYTES: usize = 4 * 1024;

/// The longest Cookie field that is looked into, in bytes, all its lines together: as much as nginx takes.
pub const COOKIE_BYTES: usize = 8 * 1024;

//! See the module `policy` of the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tessera_fuzz::policy::run(data));

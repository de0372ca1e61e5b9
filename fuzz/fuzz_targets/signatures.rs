//! See the module `signatures` of the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tessera_fuzz::signatures::run(data));

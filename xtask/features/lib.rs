//! No code: a build that selects this package, too, has the features of all builds, and shares what it compiles with
//! them. `cargo xtask` selects it for every build for development, and for none that is shipped.

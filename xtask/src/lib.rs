//! Build, demo, test, lint: nothing to install first.

//! A token source for client services: fetch, cache, refresh.

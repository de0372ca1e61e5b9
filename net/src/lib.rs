//! Hostile networks, handled once: a listener that survives its peers and a GET that survives its servers.

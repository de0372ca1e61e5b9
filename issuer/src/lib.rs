//! The token server: clients, audiences, scopes, and the decision to issue.

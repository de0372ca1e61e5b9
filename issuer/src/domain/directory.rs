//! The whole state that decisions are made from, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::client::Client;
use super::credential::{Credential, CredentialKind};
use super::grant::ClientGrant;
use super::id::ClientId;
use super::registration::WorkloadRegistration;

/// Clients, grants and workload registrations, indexed for the token decision.
///
/// Cloning shares the entries, so that a copy in which one client differs costs a table of pointers and not the
/// state.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    clients: HashMap<ClientId, Arc<Entry>>,
    /// By issuer.
    workloads: HashMap<Arc<str>, Arc<Workloads>>,
}

/// A client with what it may do.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The client.
    pub client: Client,
    grants: HashMap<ClientId, ClientGrant>,
}

/// The registrations for the JWTs of one issuer.
#[derive(Clone, Debug, Default)]
struct Workloads {
    /// Those of one exact subject, which are nearly all.
    by_subject: HashMap<String, Vec<Arc<Credential>>>,
    others: Vec<Arc<Credential>>,
}

impl Entry {
    /// A client with its grants, whose `client` it is.
    #[must_use]
    pub fn new(client: Client, grants: impl IntoIterator<Item = ClientGrant>) -> Self {
        let grants = grants.into_iter().map(|grant| (grant.audience.clone(), grant)).collect();
        Self { client, grants }
    }
}

impl Directory {
    /// Indexes what the store holds.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut directory = Self::default();
        for entry in entries {
            directory.insert(entry);
        }
        directory
    }

    /// Puts a client in the place of what was there by its name.
    pub fn insert(&mut self, entry: Entry) {
        self.remove(&entry.client.id);
        for (credential, registration) in workloads_of(&entry.client) {
            let of_issuer = self.workloads.entry(registration.issuer.as_str().into()).or_default();
            Arc::make_mut(of_issuer).of_subject(registration).push(Arc::clone(credential));
        }
        self.clients.insert(entry.client.id.clone(), Arc::new(entry));
    }

    /// Takes a client out. Grants to it stay where they are, and decide nothing: it is unknown as an audience.
    pub fn remove(&mut self, id: &ClientId) {
        let Some(entry) = self.clients.remove(id) else { return };
        for (_, registration) in workloads_of(&entry.client) {
            let Some(of_issuer) = self.workloads.get_mut(registration.issuer.as_str()) else { continue };
            let of_issuer = Arc::make_mut(of_issuer);
            of_issuer.of_subject(registration).retain(|credential| credential.client != *id);
            of_issuer.by_subject.retain(|_, credentials| !credentials.is_empty());
            if of_issuer.by_subject.is_empty() && of_issuer.others.is_empty() {
                self.workloads.remove(registration.issuer.as_str());
            }
        }
    }

    /// The client of that name.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id).map(|entry| &entry.client)
    }

    /// What `client` may do at `audience`.
    #[must_use]
    pub fn grant(&self, client: &str, audience: &str) -> Option<&ClientGrant> {
        self.clients.get(client)?.grants.get(audience)
    }

    /// The registrations that a JWT of this issuer about this subject may meet: those of just this subject, then those
    /// whose conditions say something else.
    pub fn workloads(&self, issuer: &str, subject: &str) -> impl Iterator<Item = &Arc<Credential>> {
        let of_issuer = self.workloads.get(issuer);
        let exact = of_issuer.and_then(|it| it.by_subject.get(subject)).into_iter().flatten();
        exact.chain(of_issuer.map(|it| &it.others).into_iter().flatten())
    }

    /// All registrations for the JWTs of an issuer, in no particular order.
    pub fn workloads_of_issuer(&self, issuer: &str) -> impl Iterator<Item = &Arc<Credential>> {
        let of_issuer = self.workloads.get(issuer);
        let exact = of_issuer.map(|it| it.by_subject.values().flatten()).into_iter().flatten();
        exact.chain(of_issuer.map(|it| &it.others).into_iter().flatten())
    }

    /// All credentials of all clients, in no particular order.
    pub fn credentials(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.clients.values().flat_map(|entry| &entry.client.credentials)
    }

    /// All clients, by name.
    #[must_use]
    pub fn clients(&self) -> Vec<&Client> {
        let mut clients: Vec<_> = self.clients.values().map(|entry| &entry.client).collect();
        clients.sort_by_key(|client| &client.id);
        clients
    }

    /// All grants, by client, then by audience.
    #[must_use]
    pub fn grants(&self) -> Vec<&ClientGrant> {
        let mut grants: Vec<_> = self.clients.values().flat_map(|entry| entry.grants.values()).collect();
        grants.sort_by_key(|grant| (&grant.client, &grant.audience));
        grants
    }
}

impl Workloads {
    /// Where the registrations for what this one is for are.
    fn of_subject(&mut self, registration: &WorkloadRegistration) -> &mut Vec<Arc<Credential>> {
        match registration.conditions.exact_subject() {
            Some(subject) => self.by_subject.entry(subject.to_owned()).or_default(),
            None => &mut self.others,
        }
    }
}

fn workloads_of(client: &Client) -> impl Iterator<Item = (&Arc<Credential>, &WorkloadRegistration)> {
    client.credentials.iter().filter_map(|credential| match &credential.kind {
        CredentialKind::Workload(registration) => Some((credential, registration)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Conditions;
    use crate::testing::{client, credential, id, registration, scopes};

    const ISSUER: &str = "https://platform.example";

    fn entry(name: &str, conditions: &[Conditions]) -> Entry {
        let mut client = client(name, "");
        let kinds = conditions.iter().map(|it| CredentialKind::Workload(registration(ISSUER, it.clone())));
        client.credentials = kinds.map(|kind| Arc::new(credential(name, kind))).collect();
        Entry::new(client, [ClientGrant::new(id(name), id("orders"), scopes(""))])
    }

    fn found(directory: &Directory, subject: &str) -> Vec<String> {
        directory.workloads(ISSUER, subject).map(|it| it.client.to_string()).collect()
    }

    #[test]
    fn registrations_are_found_by_subject_and_those_of_no_subject_always() {
        let prefix = Conditions::parse(r#"[{"claim":"sub","prefix":"s"}]"#).unwrap();
        let mut directory = Directory::new([
            entry("one", &[Conditions::subject("s1"), Conditions::subject("s2")]),
            entry("two", &[Conditions::subject("s2")]),
            entry("any", &[prefix]),
        ]);
        assert_eq!(found(&directory, "s1"), ["one", "any"]);
        assert_eq!(found(&directory, "s2"), ["one", "two", "any"]);
        assert_eq!(found(&directory, "s3"), ["any"]);
        assert_eq!(directory.workloads("https://other.example", "s1").count(), 0);
        assert_eq!(directory.workloads_of_issuer(ISSUER).count(), 4);

        let before = directory.clone();
        directory.insert(entry("one", &[Conditions::subject("s3")]));
        assert_eq!(found(&directory, "s1"), ["any"]);
        assert_eq!(found(&directory, "s3"), ["one", "any"]);
        for name in ["one", "two", "any"] {
            assert!(directory.grant(name, "orders").is_some());
            directory.remove(&id(name));
            assert!(directory.client(name).is_none() && directory.grant(name, "orders").is_none());
        }
        assert_eq!(directory.workloads_of_issuer(ISSUER).count(), 0);
        assert_eq!(found(&before, "s1"), ["one", "any"], "a copy is not changed");
    }
}

use std::sync::Arc;

use super::*;
use crate::domain::{Client, Entry};
use crate::testing::{NOW, client, pepper, secret, secret_of};

/// `shop`, which has the [`secret`], and `orders`, which has none.
fn directory(change: impl FnOnce(&mut Client)) -> Directory {
    let mut shop = client("shop", "");
    shop.credentials = vec![Arc::new(secret_of("shop"))];
    change(&mut shop);
    Directory::new([Entry::new(shop, []), Entry::new(client("orders", ""), [])])
}

fn prove(
    directory: &Directory,
    name: &str,
    secret: &ClientSecret,
) -> Result<Authenticated, AuthenticationFailure> {
    authenticate(directory, &pepper(), name, secret, Method::SecretPost, NOW)
}

#[test]
fn authentication_tells_the_log_why() {
    let damaged = ClientSecret::presented("wrong".to_owned());
    let other = ClientSecret::generate().unwrap();
    for (name, secret, expected) in [
        ("shop", secret(), Ok("shop".to_owned())),
        ("shop", other.clone(), Err(AuthenticationFailure::WrongSecret)),
        ("shop", damaged, Err(AuthenticationFailure::MalformedSecret)),
        ("shop", ClientSecret::presented(String::new()), Err(AuthenticationFailure::MalformedSecret)),
        ("orders", secret(), Err(AuthenticationFailure::NoSecret)),
        ("nobody", secret(), Err(AuthenticationFailure::UnknownClient)),
        ("", other, Err(AuthenticationFailure::UnknownClient)),
    ] {
        assert_eq!(
            prove(&directory(|_| ()), name, &secret).map(|it| it.client().to_string()),
            expected,
            "{name}"
        );
    }
    let disabled = directory(|shop| shop.enabled = false);
    assert_eq!(prove(&disabled, "shop", &secret()), Err(AuthenticationFailure::Disabled));
}

#[test]
fn one_secret_follows_another() {
    let (old, new) = (ClientSecret::generate().unwrap(), ClientSecret::generate().unwrap());
    let stored = |secret: &ClientSecret, expires_at| {
        let credential = secret_of("shop");
        let kind = CredentialKind::Secret(pepper().hash(secret));
        Arc::new(Credential { kind, expires_at, ..credential })
    };
    let credentials = vec![stored(&old, Some(NOW)), stored(&new, Some(NOW.plus(1)))];
    let names: Vec<_> = credentials.iter().map(|it| it.id.clone()).collect();
    let directory = directory(|shop| shop.credentials = credentials);
    assert_eq!(prove(&directory, "shop", &new).map(|it| it.credential().clone()), Ok(names[1].clone()));
    assert_eq!(prove(&directory, "shop", &old), Err(AuthenticationFailure::Expired));
}

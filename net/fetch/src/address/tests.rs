use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

/// The first and the last address of each range, and its neighbours where they are public.
#[test]
fn every_range_begins_and_ends_where_it_should() {
    for (class, inside) in [
        (AddressClass::Unspecified, &["0.0.0.0", "0.255.255.255", "::"][..]),
        (AddressClass::Loopback, &["127.0.0.0", "127.255.255.255", "::1"]),
        (
            AddressClass::Private,
            &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
        ),
        (AddressClass::Private, &["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
        (AddressClass::Shared, &["100.64.0.0", "100.127.255.255"]),
        (AddressClass::LinkLocal, &["169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff::1"]),
        (AddressClass::SiteLocal, &["fec0::", "feff:ffff::1"]),
        (
            AddressClass::Metadata,
            &["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192"],
        ),
        (AddressClass::Metadata, &["168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"]),
        (AddressClass::Multicast, &["224.0.0.0", "239.255.255.255", "ff00::", "ffff::1"]),
        (AddressClass::Broadcast, &["255.255.255.255"]),
        (AddressClass::Documentation, &["192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255"]),
        (AddressClass::Documentation, &["203.0.113.0", "203.0.113.255", "2001:db8::", "2001:db8:ffff::1"]),
        (AddressClass::Documentation, &["3fff::", "3fff:fff::1"]),
        (AddressClass::Benchmarking, &["198.18.0.0", "198.19.255.255", "2001:2::", "2001:2:0:ffff::"]),
        (AddressClass::Translation, &["64:ff9b:1::", "64:ff9b:1:ffff::808:808"]),
        (
            AddressClass::Reserved,
            &["192.0.0.0", "192.0.0.255", "192.88.99.1", "240.0.0.0", "255.255.255.254"],
        ),
        // ORCHID, discard, segment routing, SIIT, and what nobody was given.
        (
            AddressClass::Reserved,
            &["2001:20::1", "2001:1ff::", "100::1", "5f00::1", "::ffff:0:8.8.8.8", "4000::1"],
        ),
    ] {
        for text in inside {
            assert_eq!(AddressClass::of(ip(text)), Some(class), "{text}");
        }
    }
}

#[test]
fn what_lies_beside_a_range_is_public() {
    for text in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "168.63.129.15",
        "2000::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2606:4700::1111",
        "3ffe:ffff::",
        "3fff:1000::",
    ] {
        assert_eq!(AddressClass::of(ip(text)), None, "{text}");
    }
}

#[test]
fn an_embedded_address_counts_as_itself() {
    for (text, class) in [
        ("::ffff:10.0.0.1", Some(AddressClass::Private)),
        ("::ffff:127.0.0.1", Some(AddressClass::Loopback)),
        ("::ffff:a9fe:a9fe", Some(AddressClass::Metadata)),
        ("::ffff:8.8.8.8", None),
        ("::169.254.169.254", Some(AddressClass::Metadata)),
        ("::127.0.0.1", Some(AddressClass::Loopback)),
        ("::8.8.8.8", Some(AddressClass::Reserved)),
        ("64:ff9b::a9fe:a9fe", Some(AddressClass::Metadata)),
        ("64:ff9b::192.168.0.1", Some(AddressClass::Private)),
        ("64:ff9b::8.8.8.8", None),
        ("2002:7f00:1::1", Some(AddressClass::Loopback)),
        ("2002:a00:1::", Some(AddressClass::Private)),
        ("2002:808:808::", None),
        // A private server, a private client behind a public server, and a public pair.
        ("2001:0:a00:1::f7f7:f7f7", Some(AddressClass::Private)),
        ("2001:0:808:808::f5ff:fffe", Some(AddressClass::Private)),
        ("2001:0:808:808::f7f7:f7f7", None),
    ] {
        assert_eq!(AddressClass::of(ip(text)), class, "{text}");
    }
}

#[test]
fn allowed_networks_open_what_lies_in_them_and_nothing_else() {
    let allowed = [network("10.96.0.0/12"), network("fd00:1::/32")];
    for text in ["10.96.0.1", "10.111.255.255", "::ffff:10.96.0.1", "fd00:1::1", "8.8.8.8"] {
        assert_eq!(judge(ip(text), &allowed), Ok(()), "{text}");
    }
    for (text, class) in [
        ("10.112.0.0", AddressClass::Private),
        ("10.95.255.255", AddressClass::Private),
        ("fd00:2::1", AddressClass::Private),
        ("127.0.0.1", AddressClass::Loopback),
        // A translator is another way than the one that was allowed.
        ("64:ff9b::10.96.0.1", AddressClass::Private),
    ] {
        assert_eq!(judge(ip(text), &allowed), Err(Forbidden { address: ip(text), class }), "{text}");
    }
}

#[test]
fn a_metadata_service_has_to_be_named_itself() {
    let address = ip("169.254.169.254");
    let forbidden = Err(Forbidden { address, class: AddressClass::Metadata });
    for wide in ["169.254.0.0/16", "169.254.169.254/31", "0.0.0.0/0"] {
        assert_eq!(judge(address, &[network(wide)]), forbidden, "{wide}");
    }
    assert_eq!(judge(address, &[network("169.254.169.254")]), Ok(()));
    assert_eq!(judge(address, &[network("169.254.169.254/32")]), Ok(()));
}

#[test]
fn networks_are_written_one_way() {
    for (text, shown) in
        [("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128"), ("::ffff:10.0.0.1", "10.0.0.1/32")]
    {
        assert_eq!(network(text).to_string(), shown);
    }
    for text in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.0/8/8", "fe80::1%eth0"] {
        assert_eq!(text.parse::<Network>(), Err(NetworkError::Syntax { text: text.to_owned() }));
    }
    let error = "10.97.0.0/12".parse::<Network>().unwrap_err();
    assert_eq!(error.to_string(), "10.97.0.0/12 is an address within a network; the network is 10.96.0.0/12");
}

#[test]
fn the_refusal_names_the_address_and_the_remedy() {
    let forbidden = judge(ip("10.0.0.1"), &[]).unwrap_err();
    assert_eq!(
        forbidden.to_string(),
        "10.0.0.1 is a private address; if it is meant, list it in `fetch.allow_addresses`"
    );
}

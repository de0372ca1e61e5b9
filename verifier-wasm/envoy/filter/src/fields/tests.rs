use super::*;

fn pairs(fields: &Fields) -> Vec<(&[u8], &[u8])> {
    fields.iter().collect()
}

#[test]
fn come_out_as_they_went_in() {
    let fields = [(":method", "GET"), ("x-empty", ""), ("x-two", "a"), ("x-two", "b")];
    let bytes = |(name, value): (&'static str, &'static str)| (name.as_bytes(), value.as_bytes());
    let written = Fields::new(&fields);
    assert_eq!(pairs(&written), fields.map(bytes));
    assert_eq!(pairs(&Fields::from_bytes(written.as_bytes().to_vec())), fields.map(bytes));
    assert_eq!(pairs(&Fields::new(&[])), []);
}

/// Whatever the proxy hands over is read within its bounds.
#[test]
fn end_where_they_are_cut() {
    let whole = Fields::new(&[("a", "1"), ("bb", "22")]);
    let bytes = whole.as_bytes();
    for end in 0..bytes.len() {
        let cut = Fields::from_bytes(bytes[..end].to_vec());
        assert_eq!(pairs(&cut)[..], pairs(&whole)[..pairs(&cut).len()], "{end}");
        assert!(pairs(&cut).len() < 2, "{end}");
    }
    let mut endless = bytes.to_vec();
    endless[4..8].fill(0xff);
    assert_eq!(pairs(&Fields::from_bytes(endless)), []);
}

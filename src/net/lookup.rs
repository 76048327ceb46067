//! Looking names up without keeping other goroutines waiting.

use std::any::TypeId;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::vec;

use crate::blocking::blocking;

/// The addresses that `of` stands for.
pub(super) fn addresses(of: impl ToSocketAddrs) -> io::Result<vec::IntoIter<SocketAddr>> {
    let collect = || of.to_socket_addrs().map(|found| found.collect::<Vec<_>>());
    let found = if is_number(&of) { collect() } else { blocking(collect) };
    found.map(Vec::into_iter)
}

/// The first of the addresses, without memory where `of` is one.
pub(super) fn first_address(of: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    let first = || of.to_socket_addrs().map(|mut found| found.next());
    let found = if is_number(&of) { first() } else { blocking(first) };
    found?.ok_or_else(no_addresses)
}

/// Calls `f` with each address until one will do. The error is the last one's.
pub(super) fn each<T>(
    of: impl ToSocketAddrs,
    mut f: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failure = None;
    for address in addresses(of)? {
        match f(&address) {
            Ok(value) => return Ok(value),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(no_addresses))
}

fn no_addresses() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")
}

/// Whether a value of this type needs no look at the system: it is an address.
fn is_number<T: ?Sized>(_: &T) -> bool {
    let kind = id_of::<T>();
    [
        TypeId::of::<SocketAddr>(),
        TypeId::of::<SocketAddrV4>(),
        TypeId::of::<SocketAddrV6>(),
        TypeId::of::<(IpAddr, u16)>(),
        TypeId::of::<(Ipv4Addr, u16)>(),
        TypeId::of::<(Ipv6Addr, u16)>(),
        id_of::<&SocketAddr>(),
        id_of::<&[SocketAddr]>(),
    ]
    .contains(&kind)
}

/// The identity of a type that may borrow; the lifetimes in it do not count.
trait Kind {
    fn id(&self) -> TypeId
    where
        Self: 'static;
}

impl<T: ?Sized> Kind for PhantomData<T> {
    fn id(&self) -> TypeId
    where
        Self: 'static,
    {
        TypeId::of::<T>()
    }
}

fn id_of<T: ?Sized>() -> TypeId {
    let marker = PhantomData::<T>;
    let kind: &dyn Kind = &marker;
    // SAFETY: the lifetime is that of a marker without data, and the call gives out nothing of it but
    // a number.
    let kind: &(dyn Kind + 'static) = unsafe { std::mem::transmute(kind) };
    kind.id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_no_names() {
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert!(is_number(&address));
        assert!(is_number(&&address));
        assert!(is_number(&&[address][..]));
        assert!(is_number(&(Ipv4Addr::LOCALHOST, 80_u16)));
        assert!(!is_number(&"127.0.0.1:80") && !is_number(&("localhost", 80)));
        assert!(!is_number(&String::from("localhost:80")));
    }

    #[test]
    fn names_become_addresses() {
        let expected: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(first_address("127.0.0.1:80").unwrap(), expected);
        assert_eq!(addresses((Ipv4Addr::LOCALHOST, 80)).unwrap().as_slice(), [expected]);
        let none: &[SocketAddr] = &[];
        assert_eq!(first_address(none).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(each(none, |_| Ok(())).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

//! Whom a request is meant for.
//!
//! A web page can have its own name lead to 127.0.0.1 and then read, in the browser of somebody on
//! this machine, whatever is served there ("DNS rebinding"). Its requests still bear its name.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::HOST;

/// Whether a request to the loopback interface may be meant for it: whether it says an address, a
/// name without a domain, or nothing.
pub(super) fn is_own<B>(request: &Request<B>) -> bool {
    match request.headers().get(HOST) {
        Some(host) => host.to_str().is_ok_and(is_own_name),
        None => request.uri().authority().is_none_or(|authority| is_own_name(authority.as_str())),
    }
}

/// `host`, with a port perhaps: no name that anybody can register.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if let Some(v6) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<IpAddr>().is_ok();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || !name.contains('.') || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_belong_to_nobody() {
        for own in [
            "",
            "localhost",
            "LocalHost.:6060",
            "a.localhost:80",
            "127.0.0.1",
            "127.0.0.1:6060",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:6060",
            "machine:6060",
        ] {
            assert!(is_own_name(own), "{own}");
        }
        for other in [
            "example.com",
            "example.com:6060",
            "EXAMPLE.COM.:6060",
            "127.0.0.1.example.com",
            "localhost.example.com:80",
            "evillocalhost.com",
            "a.b:80:80",
            "[::1].example.com",
        ] {
            assert!(!is_own_name(other), "{other}");
        }
    }
}

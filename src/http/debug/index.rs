//! The page with links to everything.

use std::fmt::Write;

use hyper::Response;

use super::answer::html;
use crate::http::Body;
use crate::pprof;

/// What there is besides the profiles with records.
const OTHERS: [(&str, &str); 5] = [
    ("cmdline", "The program's command line"),
    ("metrics", "The figures of the runtime, for Prometheus"),
    (
        "profile",
        "A CPU profile for <code>go tool pprof</code>; the parameter seconds says how long it takes",
    ),
    ("symbol", "Names of addresses, which stand in the query or a POSTed body, between plus signs"),
    (
        "trace",
        "A trace of the program's execution for <code>go tool trace</code>; the parameter seconds \
         says how long it takes",
    ),
];

const HEAD: &str = "<!DOCTYPE html>
<html>
<head>
<title>/debug/pprof/</title>
<style>td, dt { padding-right: 1em } dt { font-weight: bold }</style>
</head>
<body>
<h1>/debug/pprof/</h1>
<p>With the parameter debug=1 profiles are text.</p>
<table>
<tr><td>Count</td><td>Profile</td></tr>
";

pub(super) fn page() -> Response<Body> {
    let others = OTHERS.map(|(name, description)| (name, description, 0));
    let counted = pprof::profiles().iter().map(|p| (p.name(), p.description(), p.count()));
    let mut entries: Vec<_> = counted.chain(others).collect();
    entries.sort_unstable();
    let mut page = String::from(HEAD);
    for (name, _, count) in &entries {
        let link = format!("<a href='{name}?debug=1'>{name}</a>");
        push(&mut page, &format!("<tr><td>{count}</td><td>{link}</td></tr>"));
    }
    push(&mut page, "</table>\n<p><a href=\"goroutine?debug=2\">full goroutine stack dump</a></p>");
    push(&mut page, "<dl>");
    for (name, description, _) in &entries {
        push(&mut page, &format!("<dt>{name}</dt><dd>{description}</dd>"));
    }
    push(&mut page, "</dl>\n</body>\n</html>");
    html(page)
}

fn push(page: &mut String, line: &str) {
    // A string takes all.
    let _ = writeln!(page, "{line}");
}

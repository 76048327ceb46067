//! `go tool trace` as a web server, and every page it has.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::{http, tools};

/// How long the tool may take to read a trace.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so long without a word it has said all.
const SILENCE: Duration = Duration::from_millis(300);
/// Of pages that differ in nothing but the values of their parameters, so many are fetched.
const ALIKE: usize = 2;
/// Pages that no link leads to: scripts of other pages ask for them.
const OF_SCRIPTS: [&str; 5] = [
    "/static/webcomponents.min.js",
    "/mmu?mode=plot&flags=stw|background|assist|sweep",
    "/mmu?mode=plot&flags=perProc|mut|stw|background|assist|sweep",
    "/mmu?mode=details&window=1000&flags=stw",
    "/mmu?mode=details&window=1000000&flags=stw|background|assist|sweep",
];

/// What the viewer answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The pages of the viewer that this page links to.
    pub(crate) fn links(&self) -> Vec<String> {
        links(&self.text())
    }
}

/// A running viewer; it ends when this is dropped.
pub(crate) struct Viewer {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
}

impl Viewer {
    /// Opens a trace that is whole, or is not. An error when the tool sees that otherwise.
    pub(super) fn open(trace: &Path, file: &Path, is_whole: bool) -> Result<Viewer, String> {
        let mut command = tools::surroundings(trace);
        // A browser that is content at once, and a port that is free.
        command.env("BROWSER", "true").arg("-http=127.0.0.1:0").arg(file);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, log) = mpsc::channel();
        let complaints = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in complaints.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut viewer = Viewer { child, address: ([127, 0, 0, 1], 0).into(), log };
        viewer.address = viewer.wait_for_address(is_whole)?;
        Ok(viewer)
    }

    fn wait_for_address(&self, is_whole: bool) -> Result<SocketAddr, String> {
        let mut log = String::new();
        loop {
            let line = match self.log.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(error) => return Err(format!("go tool trace: {error}\n{log}")),
            };
            log += &format!("{line}\n");
            if let Some((_, address)) = line.split_once("is listening on http://") {
                let seen = !log.contains("Encountered error");
                return if seen == is_whole { Ok(address.parse().unwrap()) } else { Err(log) };
            }
        }
    }

    /// Fetches a page.
    pub(crate) fn get(&self, path: &str) -> Result<Page, String> {
        match http::get(self.address, path) {
            Ok((status, body)) => Ok(Page { status, body }),
            Err(error) => Err(format!("{path}: {error}\n{}", self.last_words())),
        }
    }

    /// Every page, by path, found by following links from the first page.
    pub(crate) fn pages(&self) -> Result<BTreeMap<String, Page>, String> {
        let mut found = BTreeMap::new();
        let mut alike = BTreeMap::<String, usize>::new();
        let mut next: VecDeque<String> = VecDeque::from(["/".to_owned()]);
        next.extend(OF_SCRIPTS.map(str::to_owned));
        while let Some(path) = next.pop_front() {
            let seen = alike.entry(kind(&path)).or_default();
            if found.contains_key(&path) || *seen == ALIKE {
                continue;
            }
            *seen += 1;
            let page = self.get(&path)?;
            // The viewer's own files link to nothing of ours.
            if !path.starts_with("/static/") {
                next.extend(page.links());
            }
            if let Some(query) = path.strip_prefix("/trace?") {
                next.push_back(format!("/jsontrace?{query}"));
            }
            found.insert(path, page);
        }
        let log = self.new_log();
        if log.is_empty() { Ok(found) } else { Err(log) }
    }

    /// What the tool says of a failure, which comes to its end a moment after it.
    fn last_words(&self) -> String {
        let next = || self.log.recv_timeout(SILENCE).ok();
        std::iter::from_fn(next).map(|line| line + "\n").collect()
    }

    /// What the tool said since it was last asked: it has reason to only where something fails.
    fn new_log(&self) -> String {
        self.log.try_iter().map(|line| line + "\n").collect()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path without the values of its parameters, but for those that name different views.
fn kind(path: &str) -> String {
    let Some((page, query)) = path.split_once('?') else { return path.to_owned() };
    let telling = |name: &str| ["view", "mode", "raw"].contains(&name);
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if !telling(name) => name,
        _ => parameter,
    });
    format!("{page}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// The paths in a page's `href`s, quoted or not, without fragments.
fn links(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    for after in html.split("href=").skip(1) {
        let quote = after.chars().next().filter(|c| ['"', '\''].contains(c));
        let target = match quote {
            Some(quote) => after[1..].split(quote).next().unwrap_or_default(),
            None => after.split(['>', ' ']).next().unwrap_or_default(),
        };
        let path = unescape(target);
        if path.starts_with('/') {
            links.push(path.split('#').next().unwrap_or_default().to_owned());
        }
    }
    links
}

/// Undoes the escapes that Go's templates write.
pub(crate) fn unescape(html: &str) -> String {
    let escapes = [("&#34;", "\""), ("&#39;", "'"), ("&#43;", "+"), ("&lt;", "<"), ("&gt;", ">")];
    let text = escapes.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

//! A client of plain sockets and epoll that holds many connections on one thread: cheap enough not to
//! be what is measured.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: gort-bench\r\n\r\n";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets this process and its children open as many files as they may.
pub(crate) fn allow_many_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is a value of our own. If it stays as it was, connections fail, with an
    // error that says so.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

/// Connections to one server, each with at most one request under way.
pub(crate) struct Connections {
    epoll: OwnedFd,
    all: Vec<Connection>,
    /// Of an answer, head and body: all are of one length.
    answer_bytes: usize,
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    received: usize,
}

impl Connections {
    /// Opens them, one after the other, and has one request answered on each.
    pub(crate) fn open(address: SocketAddr, count: usize) -> io::Result<Connections> {
        // SAFETY: no pointers.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it is new and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let mut connections = Connections { epoll, all: Vec::new(), answer_bytes: 0 };
        for _ in 0..count {
            connections.add(address)?;
        }
        Ok(connections)
    }

    fn add(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(REQUEST)?;
        let length = whole_answer(&mut stream)?;
        if self.answer_bytes != 0 && self.answer_bytes != length {
            return Err(io::Error::other("answers of several lengths"));
        }
        self.answer_bytes = length;
        stream.set_nonblocking(true)?;
        let number = self.all.len() as u64;
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        let (epoll, fd) = (self.epoll.as_raw_fd(), stream.as_raw_fd());
        // SAFETY: the event is a value of our own.
        if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) } < 0 {
            return Err(io::Error::last_os_error());
        }
        self.all.push(Connection { stream, sent: Instant::now(), received: 0 });
        Ok(())
    }

    /// Keeps one request under way on each connection for a time, and tells how long each one took.
    /// Returns when the last one has been answered.
    pub(crate) fn run(
        &mut self,
        time: Duration,
        mut answered: impl FnMut(Duration),
    ) -> io::Result<()> {
        let end = Instant::now() + time;
        for connection in &mut self.all {
            connection.send()?;
        }
        let mut under_way = self.all.len();
        let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
        while under_way > 0 {
            for n in self.wait(&mut events)? {
                let connection = &mut self.all[n];
                if !connection.receive(self.answer_bytes)? {
                    continue;
                }
                let now = Instant::now();
                answered(now - connection.sent);
                if now < end {
                    connection.send()?;
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(())
    }

    /// The numbers of those that have something to read.
    fn wait(&self, events: &mut [libc::epoll_event]) -> io::Result<Vec<usize>> {
        let (epoll, most) = (self.epoll.as_raw_fd(), events.len() as libc::c_int);
        let patience_ms = PATIENCE.as_millis() as libc::c_int;
        // SAFETY: there is room for so many events.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), most, patience_ms) };
        match usize::try_from(count) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(count) => Ok(events[..count].iter().map(|event| event.u64 as usize).collect()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == ErrorKind::Interrupted => Ok(Vec::new()),
                error => Err(error),
            },
        }
    }
}

impl Connection {
    fn send(&mut self) -> io::Result<()> {
        self.received = 0;
        self.sent = Instant::now();
        self.stream.write_all(REQUEST)
    }

    /// Whether the answer is complete now.
    fn receive(&mut self, answer_bytes: usize) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) if self.received == 0 && !buffer[..n].starts_with(b"HTTP/1.1 200 ") => {
                Err(io::Error::other(String::from_utf8_lossy(&buffer[..n]).into_owned()))
            }
            Ok(n) => {
                self.received += n;
                if self.received > answer_bytes {
                    return Err(io::Error::other("an answer of another length"));
                }
                Ok(self.received == answer_bytes)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Reads an answer, of whichever length: how long it is.
fn whole_answer(stream: &mut TcpStream) -> io::Result<usize> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: Option<usize> = length.and_then(|length| length.parse().ok());
            match length {
                Some(length) if body.len() == length => return Ok(bytes.len()),
                Some(_) => {}
                None => return Err(io::Error::other(text)),
            }
        }
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

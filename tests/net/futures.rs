//! Sockets as futures.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use gort::net::{TcpListener, TcpStream};
use gort::{block_on, go};

use crate::process::{assert_success, process};
use crate::{LONG, SHORT, echo, eventually, listen, pair, pattern, run};

async fn read(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| {
        loop {
            match stream.try_read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
            match stream.poll_read_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

async fn write_all(stream: &TcpStream, mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let n = poll_fn(|cx| {
            loop {
                match stream.try_write_vectored(&[IoSlice::new(buf)]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    other => return Poll::Ready(other),
                }
                match stream.poll_write_ready(cx) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        buf = &buf[n..];
    }
    Ok(())
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        loop {
            match listener.try_accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other.map(|(stream, _)| stream)),
            }
            match listener.poll_accept_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

#[test]
fn futures_accept_read_and_write() {
    run(|| {
        let (listener, address) = listen();
        let server = go(move || {
            block_on(async {
                for _ in 0..20 {
                    let stream = accept(&listener).await.unwrap();
                    go(move || {
                        block_on(async {
                            let mut buf = [0; 1000];
                            while let Ok(n @ 1..) = read(&stream, &mut buf).await {
                                write_all(&stream, &buf[..n]).await.unwrap();
                            }
                        })
                    });
                }
            })
        });
        let clients: Vec<_> = (0..20)
            .map(|n| {
                go(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for turn in 0..20 {
                        let sent = pattern(100 + n * 7 + turn);
                        stream.write_all(&sent).unwrap();
                        let mut received = vec![0; sent.len()];
                        stream.read_exact(&mut received).unwrap();
                        assert_eq!(received, sent);
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        server.join().unwrap();
    });
}

#[test]
fn a_future_writes_more_than_there_is_room_for() {
    run(|| {
        let (server, mut client) = pair();
        let sent = pattern(6 << 20);
        let expected = sent.clone();
        let writing = go(move || block_on(write_all(&server, &sent)).unwrap());
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        writing.join().unwrap();
        assert!(received == expected);
    });
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn the_last_waker_is_woken_once() {
    run(|| {
        let (server, client) = pair();
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let wakers = counts.each_ref().map(|count| Waker::from(Arc::clone(count)));
        assert_eq!(client.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        eventually("nothing is to be read", || {
            let _ = client.try_read(&mut [0; 8]);
            client.poll_read_ready(&mut Context::from_waker(&wakers[0])).is_pending()
        });
        assert!(client.poll_read_ready(&mut Context::from_waker(&wakers[1])).is_pending());
        // The first one was given back when the second came.
        assert_eq!(Arc::strong_count(&counts[0]), 2);
        (&server).write_all(b"x").unwrap();
        eventually("it is woken", || counts[1].get() == 1);
        assert!(client.poll_read_ready(&mut Context::from_waker(&wakers[0])).is_ready());
        assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 1);
        gort::sleep(SHORT);
        assert_eq!(counts.each_ref().map(|count| count.get()), [0, 1]);
    });
}

#[test]
fn closing_wakes_and_dropping_forgets() {
    run(|| {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = &mut Context::from_waker(&waker);
        let pending = |stream: &TcpStream, cx: &mut Context<'_>| {
            while stream.poll_read_ready(cx).is_ready() {
                let _ = stream.try_read(&mut [0; 8]);
            }
        };
        let (_server, client) = pair();
        pending(&client, cx);
        client.close().unwrap();
        assert_eq!(count.get(), 1);
        let Poll::Ready(Err(error)) = client.poll_read_ready(cx) else { panic!("it is closed") };
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        let (_server, client) = pair();
        pending(&client, cx);
        assert_eq!(Arc::strong_count(&count), 3);
        drop(client);
        assert_eq!((Arc::strong_count(&count), count.get()), (2, 1));
    });
}

/// A waker that notes on which thread it is called.
#[derive(Default)]
struct Caller(OnceLock<String>);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        self.0.set(name).expect("it is called once");
    }
}

/// Where every processor computes, sysmon polls. It leaves the wakers, which may do anything, to
/// others.
#[test]
fn sysmon_calls_no_waker() {
    let name = "futures::sysmon_calls_no_waker";
    if let Some(output) = process(name, &[("GOMAXPROCS", "1")]) {
        return assert_success(&output);
    }
    run(|| {
        let (server, client) = pair();
        let caller = Arc::new(Caller::default());
        let waker = Waker::from(Arc::clone(&caller));
        while client.poll_read_ready(&mut Context::from_waker(&waker)).is_ready() {
            let _ = client.try_read(&mut [0; 8]);
        }
        let writing = thread::spawn(move || {
            thread::sleep(SHORT);
            (&server).write_all(b"x").unwrap();
        });
        let begin = Instant::now();
        while caller.0.get().is_none() {
            assert!(begin.elapsed() < LONG, "it is never called");
            std::hint::spin_loop();
        }
        assert!(caller.0.get().unwrap().starts_with("gort-m"), "{:?}", caller.0);
        writing.join().unwrap();
    });
}

/// A future reads while a goroutine writes, and one of each waits for the same data.
#[test]
fn a_future_and_a_goroutine_on_one_socket() {
    run(|| {
        let (server, client) = pair();
        let client = Arc::new(client);
        let echoing = go(move || echo(server));
        let reading = {
            let client = Arc::clone(&client);
            go(move || {
                let mut buf = [0; 8];
                block_on(read(&client, &mut buf)).unwrap()
            })
        };
        let also_reading = {
            let client = Arc::clone(&client);
            go(move || (&*client).read(&mut [0; 8]).unwrap())
        };
        gort::sleep(SHORT);
        (&*client).write_all(&[0; 16]).unwrap();
        assert_eq!(reading.join().unwrap() + also_reading.join().unwrap(), 16);
        drop(client);
        echoing.join().unwrap();
    });
}

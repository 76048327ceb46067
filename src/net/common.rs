//! What several kinds of sockets have in common, as macros: std's signatures leave no other way.

/// Making, giving back and closing.
macro_rules! socket {
    ($socket:ident, $std:ty) => {
        impl $socket {
            /// Takes over a socket of std's. Its data is not touched.
            ///
            /// # Errors
            /// When it cannot be registered with the poller, for instance without memory.
            pub fn from_std(socket: $std) -> io::Result<$socket> {
                Ok($socket { io: Polled::new(socket)? })
            }

            /// Gives the socket back as one of std's, which blocks its thread.
            ///
            /// Clones of it work on: what they call does not block, whatever the socket's mode,
            /// except that an `accept` blocks its thread.
            ///
            /// # Errors
            /// When the system refuses to change its mode; the socket is then closed.
            pub fn into_std(self) -> io::Result<$std> {
                self.io.into_std()
            }

            /// Closes the socket now, although others use it: whoever waits for it returns with
            /// an error that has a [`ClosedError`](crate::net::ClosedError), and so do later calls.
            /// The peer sees the end, and a listener's address is free. To close it twice does
            /// nothing. Clones of it stay open.
            ///
            /// The number of its descriptor stays taken, and leads nowhere, until the socket is
            /// dropped: borrowed descriptors stay sound.
            ///
            /// # Errors
            /// When the system refuses; the calls that waited have returned nevertheless.
            ///
            /// # Go
            /// `Close` of a `net.Conn` or a `net.Listener`.
            pub fn close(&self) -> io::Result<()> {
                self.io.close()
            }

            /// Takes an error of the socket's that no call has reported yet.
            ///
            /// # Errors
            /// When the system does not say.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.at_once(<$std>::take_error)
            }

            /// Another handle of the same socket. Its timeouts are the same at first, and its own
            /// from then on; it has no deadlines.
            ///
            /// # Errors
            /// When there is no descriptor or no memory left for it.
            pub fn try_clone(&self) -> io::Result<$socket> {
                let socket = self.io.at_once(<$std>::try_clone)?;
                Ok($socket { io: Polled::register(socket)?.with_timeouts_of(&self.io) })
            }
        }

        impl AsFd for $socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        impl AsRawFd for $socket {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl TryFrom<$std> for $socket {
            type Error = io::Error;

            fn try_from(socket: $std) -> io::Result<$socket> {
                $socket::from_std(socket)
            }
        }

        impl fmt::Debug for $socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }
    };
}

/// How long reading calls may wait, and waiting for a future.
macro_rules! reads {
    ($socket:ident) => {
        impl $socket {
            /// How long one reading call may wait; `None`, as at first: as long as it takes. After
            /// that it fails with [`TimedOut`](io::ErrorKind::TimedOut), not with std's
            /// `WouldBlock`. Calls that wait already keep theirs.
            ///
            /// # Errors
            /// When the timeout is zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.io.set_timeout(Side::Read, timeout)
            }

            /// What [`set_read_timeout`](Self::set_read_timeout) has set.
            ///
            /// # Errors
            /// None; the signature is std's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.io.timeout(Side::Read))
            }

            deadline! {
                set_read_deadline, Side::Read, "Until when reading calls may wait",
                "`SetReadDeadline` of a `net.Conn`."
            }

            ready! {
                poll_read_ready, Side::Read,
                "Ready once a reading call may find something: data, the end or an error."
            }
        }
    };
}

/// How long writing calls may wait, and waiting for a future.
macro_rules! writes {
    ($socket:ident) => {
        impl $socket {
            /// How long one writing call may wait; see
            /// [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            /// When the timeout is zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.io.set_timeout(Side::Write, timeout)
            }

            /// What [`set_write_timeout`](Self::set_write_timeout) has set.
            ///
            /// # Errors
            /// None; the signature is std's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.io.timeout(Side::Write))
            }

            deadline! {
                set_write_deadline, Side::Write, "Until when writing calls may wait",
                "`SetWriteDeadline` of a `net.Conn`."
            }

            ready! {
                poll_write_ready, Side::Write,
                "Ready once a writing call may find room, or an error."
            }
        }
    };
}

macro_rules! deadline {
    ($name:ident, $side:expr, $until:literal, $go:literal) => {
        #[doc = concat!(
            $until, "; `None`, as at first: for ever. Unlike a timeout it is one moment for all \
             calls, and also for those that wait already, which may so be ended at any time."
        )]
        ///
        /// Once it has passed, calls fail at once with [`TimedOut`](io::ErrorKind::TimedOut).
        /// Calls that do not wait and futures do not look at it.
        ///
        /// # Go
        #[doc = $go]
        pub fn $name(&self, deadline: Option<Instant>) {
            self.io.set_deadline($side, deadline);
        }
    };
}

macro_rules! ready {
    ($name:ident, $side:expr, $ready:literal) => {
        #[doc = $ready]
        ///
        /// For futures: until then the context's waker is kept, to be woken once. Only the waker of
        /// the last poll is, so each direction is for one task at a time. It may be ready although a
        /// call then finds nothing, and stays ready until one has: so try first, or until a `try_`
        /// call would block.
        ///
        /// # Errors
        /// When the socket has been closed by `close`.
        ///
        /// # Panics
        /// If it is not ready and no [`run`](crate::run()) has begun yet.
        pub fn $name(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.io.poll_ready($side, cx)
        }
    };
}

/// Reading and writing of bytes, by the socket and by a reference to it. `$drained` says of
/// how many bytes there were, of how many wanted, whether more may be there.
macro_rules! stream {
    ($socket:ident, $left_some:path) => {
        impl $socket {
            /// Receives what is there, but does not take it out of the socket.
            ///
            /// # Errors
            /// As for reading.
            pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.call(Side::Read, |fd| socket::recv(fd, buf, true), |_| true)
            }

            /// Reads what is there, without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there;
            /// [`poll_read_ready`](Self::poll_read_ready) then waits for more.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let len = buf.len();
                let call = |fd: BorrowedFd<'_>| socket::recv(fd, buf, false);
                self.io.try_call(Side::Read, call, |n| $left_some(*n, len))
            }

            /// As [`try_read`](Self::try_read), into several buffers.
            ///
            /// # Errors
            /// As for [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let len = socket::movable(bufs.iter().map(|buf| buf.len()));
                let call = |fd: BorrowedFd<'_>| socket::recv_vectored(fd, bufs);
                self.io.try_call(Side::Read, call, |n| $left_some(*n, len))
            }

            /// As [`try_read`](Self::try_read), into memory that need not be initialized.
            #[cfg(feature = "http")]
            pub(crate) fn try_read_uninit(
                &self,
                buf: &mut [std::mem::MaybeUninit<u8>],
            ) -> io::Result<usize> {
                let len = buf.len();
                let call = |fd: BorrowedFd<'_>| socket::recv_uninit(fd, buf);
                self.io.try_call(Side::Read, call, |n| $left_some(*n, len))
            }

            /// Writes what there is room for, without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room;
            /// [`poll_write_ready`](Self::poll_write_ready) then waits for some.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                let call = |fd: BorrowedFd<'_>| socket::send(fd, buf);
                self.io.try_call(Side::Write, call, |n| $left_some(*n, buf.len()))
            }

            /// As [`try_write`](Self::try_write), from several buffers.
            ///
            /// # Errors
            /// As for [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let len = socket::movable(bufs.iter().map(|buf| buf.len()));
                let call = |fd: BorrowedFd<'_>| socket::send_vectored(fd, bufs);
                self.io.try_call(Side::Write, call, |n| $left_some(*n, len))
            }

            /// Ends reading, writing or both. Who waits for what is ended returns.
            ///
            /// # Errors
            /// When the socket is not connected.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.io.at_once(|socket| socket.shutdown(how))
            }

            /// A half that reads and a half that writes, each for a goroutine of its own. A
            /// reference to the stream reads and writes as well.
            pub fn split(&mut self) -> (ReadHalf<'_, $socket>, WriteHalf<'_, $socket>) {
                (ReadHalf(self), WriteHalf(self))
            }

            /// As [`split`](Self::split), with halves that own the stream together. When the
            /// writing half is dropped, the peer sees the end of the data.
            pub fn into_split(self) -> (OwnedReadHalf<$socket>, OwnedWriteHalf<$socket>) {
                split::owned(self)
            }
        }

        impl Read for &$socket {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let len = buf.len();
                let call = |fd: BorrowedFd<'_>| socket::recv(fd, buf, false);
                self.io.call(Side::Read, call, |n| $left_some(*n, len))
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let len = socket::movable(bufs.iter().map(|buf| buf.len()));
                let call = |fd: BorrowedFd<'_>| socket::recv_vectored(fd, bufs);
                self.io.call(Side::Read, call, |n| $left_some(*n, len))
            }
        }

        impl Write for &$socket {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let call = |fd: BorrowedFd<'_>| socket::send(fd, buf);
                self.io.call(Side::Write, call, |n| $left_some(*n, buf.len()))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let len = socket::movable(bufs.iter().map(|buf| buf.len()));
                let call = |fd: BorrowedFd<'_>| socket::send_vectored(fd, bufs);
                self.io.call(Side::Write, call, |n| $left_some(*n, len))
            }

            #[inline]
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Read for $socket {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        impl Write for $socket {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            #[inline]
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl split::Duplex for $socket {
            fn end_writing(&self) {
                // Without a connection there is nobody to see it.
                let _ = self.shutdown(Shutdown::Write);
            }
        }
    };
}

/// The calls of std that return at once.
macro_rules! std_calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => { $(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the system refuses, or the socket has been closed.
        pub fn $name(&self $(, $arg: $type)*) -> io::Result<$result> {
            self.io.at_once(|socket| socket.$name($($arg),*))
        }
    )* };
}

/// Receiving and sending of whole datagrams. `$from` makes an address of the system's.
macro_rules! datagrams {
    ($socket:ident, $address:ty, $from:path) => {
        impl $socket {
            /// Sends a datagram to the socket that this one is connected to.
            ///
            /// # Errors
            /// When it is connected to none, the datagram is too long, or the system refuses it.
            pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.call(Side::Write, |fd| socket::send(fd, buf), |_| true)
            }

            /// As [`send`](Self::send), without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.try_call(Side::Write, |fd| socket::send(fd, buf), |_| true)
            }

            /// Receives a datagram; what does not fit in is lost.
            ///
            /// # Errors
            /// When the time is over, or the system reports an error of something sent before.
            pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.call(Side::Read, |fd| socket::recv(fd, buf, false), |_| true)
            }

            /// As [`recv`](Self::recv), without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.try_call(Side::Read, |fd| socket::recv(fd, buf, false), |_| true)
            }

            /// Receives a datagram and says whose it is.
            ///
            /// # Errors
            /// As for [`recv`](Self::recv).
            pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                let call = |fd: BorrowedFd<'_>| socket::recv_from(fd, buf, false);
                let (n, from) = self.io.call(Side::Read, call, |_| true)?;
                Ok((n, $from(&from)?))
            }

            /// As [`recv_from`](Self::recv_from), without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                let call = |fd: BorrowedFd<'_>| socket::recv_from(fd, buf, false);
                let (n, from) = self.io.try_call(Side::Read, call, |_| true)?;
                Ok((n, $from(&from)?))
            }

            /// Receives a datagram, but does not take it out of the socket.
            ///
            /// # Errors
            /// As for [`recv`](Self::recv).
            pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.call(Side::Read, |fd| socket::recv(fd, buf, true), |_| true)
            }
        }
    };
}

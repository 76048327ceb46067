package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// block is how long the goroutines block at a time.
const block = 10 * time.Millisecond

// computing is how many compute.
const computing = 2

// A window is the time that is measured. Those who compute come when the others are under way.
type window struct{ from, until time.Time }

// leadIn returns how long before the window the goroutines begin.
func leadIn(l load) time.Duration {
	return max(time.Duration(l.n)*time.Millisecond/10, block)
}

func newWindow(l load) window {
	from := time.Now().Add(leadIn(l))
	return window{from, from.Add(time.Duration(l.n) * time.Millisecond)}
}

// half is for those who compute alone: once before and once after, since the machine's speed is
// not always the same.
func half(l load) window {
	w := newWindow(l)
	return window{w.from, w.from.Add(w.until.Sub(w.from) / 2)}
}

func (w window) isOn() bool { return time.Now().Before(w.until) }

// counts returns one, within the window.
func (w window) counts() uint64 {
	now := time.Now()
	if now.Before(w.from) || !now.Before(w.until) {
		return 0
	}
	return 1
}

// blockers has goroutines that block in the system beside two that compute.
func blockers(l load) []string {
	alone := half(l).compute()
	var beside, calls uint64
	switch l.kind {
	case "blockers_sleep", "blockers_told":
		beside, calls = besideSleeps(l)
	case "blockers_enter":
		beside, calls = besideSends(l)
	case "blockers_fifo":
		beside, calls = besideReads(l)
	}
	alone += half(l).compute()
	if alone == 0 {
		fail("nothing was computed")
	}
	ideal := l.width * l.n / uint64(block.Milliseconds())
	return []string{percent(beside, alone), percent(calls, ideal)}
}

func percent(part, whole uint64) string {
	return fmt.Sprint(100 * float64(part) / float64(whole))
}

// compute returns how often two goroutines get through the kernel.
func (w window) compute() uint64 {
	var all sync.WaitGroup
	var sum atomic.Uint64
	for range computing {
		all.Go(func() {
			time.Sleep(time.Until(w.from))
			right := kernel(1)
			for w.isOn() {
				check(kernel(1), right)
				if w.isOn() {
					sum.Add(1)
				}
			}
		})
	}
	all.Wait()
	return sum.Load()
}

// kernel takes some ten microseconds and calls nothing.
//
//go:noinline
func kernel(x uint64) uint64 {
	for range 5_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// sleep is a system call that the network poller knows nothing of, once more at least. It returns
// how many there were within the window.
func (w window) sleep(after func()) uint64 {
	count := uint64(0)
	for {
		span := syscall.NsecToTimespec(block.Nanoseconds())
		for syscall.Nanosleep(&span, &span) == syscall.EINTR {
		}
		after()
		count += w.counts()
		if !w.isOn() {
			return count
		}
	}
}

func besideSleeps(l load) (beside, calls uint64) {
	var all sync.WaitGroup
	var sum atomic.Uint64
	w := newWindow(l)
	for range l.width {
		all.Go(func() { sum.Add(w.sleep(func() {})) })
	}
	beside = w.compute()
	all.Wait()
	return beside, sum.Load()
}

// besideSends has a value sent after each sleep.
func besideSends(l load) (beside, calls uint64) {
	var all, collector sync.WaitGroup
	var sum, sent atomic.Uint64
	w := newWindow(l)
	values := make(chan uint64, l.width)
	received := uint64(0)
	collector.Go(func() {
		for value := range values {
			received += value
		}
	})
	for range l.width {
		all.Go(func() {
			sends := uint64(0)
			sum.Add(w.sleep(func() {
				values <- 1
				sends++
			}))
			sent.Add(sends)
		})
	}
	beside = w.compute()
	all.Wait()
	close(values)
	collector.Wait()
	check(received, sent.Load())
	return beside, sum.Load()
}

// besideReads has FIFOs that the harness's program, started once more, writes to.
func besideReads(l load) (beside, calls uint64) {
	var all sync.WaitGroup
	var sum, read atomic.Uint64
	lifetime := leadIn(l) + time.Duration(l.n)*time.Millisecond + 100*time.Millisecond
	writer := exec.Command(os.Getenv("SCHEDULERS_HARNESS"), "--fifo-writer",
		fmt.Sprint(l.width), fmt.Sprint(lifetime.Milliseconds()))
	pipe, err := writer.StdoutPipe()
	must(err)
	must(writer.Start())
	says := bufio.NewReader(pipe)
	folder := line(says)
	w := newWindow(l)
	for n := range l.width {
		fifo, err := syscall.Open(filepath.Join(folder, fmt.Sprint(n)), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		must(err)
		all.Go(func() {
			bytes, counted := w.read(fifo)
			read.Add(bytes)
			sum.Add(counted)
		})
	}
	beside = w.compute()
	all.Wait()
	bytes, err := strconv.ParseUint(line(says), 10, 64)
	must(err)
	must(writer.Wait())
	check(read.Load(), l.width*bytes)
	return beside, sum.Load()
}

// read reads a FIFO to its end by plain system calls. It returns how many bytes there were, in all
// and within the window.
func (w window) read(fifo int) (all, counted uint64) {
	defer syscall.Close(fifo)
	buffer := make([]byte, 1)
	for {
		n, err := syscall.Read(fifo, buffer)
		if err == syscall.EINTR {
			continue
		}
		must(err)
		if n == 0 {
			return all, counted
		}
		all++
		counted += w.counts()
	}
}

func line(from *bufio.Reader) string {
	text, err := from.ReadString('\n')
	if err != io.EOF {
		must(err)
	}
	return strings.TrimSpace(text)
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

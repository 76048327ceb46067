// The workloads on Go. See benches/README.md.
//
// Usage: schedulers WARM_UP LOAD, each KIND:WIDTH:CAPACITY:N. GOMAXPROCS is in the environment.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A load is a piece of work.
type load struct {
	kind     string
	width    uint64 // goroutines, pairs, producers or connections at a time; see load.rs
	capacity uint64 // the channel's buffer, for prodcons
	n        uint64 // operations in all, a multiple of the width; milliseconds of a kind that is timed
}

// share returns the operations of each goroutine, pair or producer.
func (l load) share() uint64 { return l.n / l.width }

func main() {
	if len(os.Args) != 3 {
		fail("usage: schedulers WARM_UP LOAD, each KIND:WIDTH:CAPACITY:N")
	}
	warmUp, measured := parse(os.Args[1]), parse(os.Args[2])
	run(warmUp)
	var figures []string
	switch os.Getenv("GORT_BENCH_TRACING") {
	case "traced":
		must(trace.Start(io.Discard))
		figures = run(measured)
		trace.Stop()
	case "recorded":
		must(trace.NewFlightRecorder(trace.FlightRecorderConfig{}).Start())
		figures = run(measured)
	default:
		figures = run(measured)
	}
	fmt.Println(strings.Join(figures, ","), rssBytesPeak())
}

// run returns the figures of the kind's measure.
func run(l load) []string {
	start := time.Now()
	switch l.kind {
	case "spawn_join":
		spawnJoin(l)
	case "yield":
		yields(l)
	case "pingpong":
		pingpong(l)
	case "prodcons":
		prodcons(l)
	case "threadring":
		threadring(l)
	case "parked":
		parked(l)
	case "skynet":
		skynet(l)
	case "fib":
		fib(l)
	case "select":
		selects(l)
	case "mutex":
		mutex(l)
	case "rwmutex":
		rwmutex(l)
	case "context_tree":
		contextTree(l)
	case "timers":
		return timers(l)
	case "hogs":
		return hogs(l)
	case "blockers_sleep", "blockers_enter", "blockers_fifo", "blockers_told":
		return blockers(l)
	case "tcp_echo":
		return tcpEcho(l)
	case "tcp_serve":
		tcpServe(l)
	default:
		fail("unknown kind " + l.kind)
	}
	return nanoseconds(time.Since(start))
}

func nanoseconds(elapsed time.Duration) []string {
	return []string{strconv.FormatInt(elapsed.Nanoseconds(), 10)}
}

func spawnJoin(l load) {
	var all sync.WaitGroup
	var ran atomic.Uint64
	for range l.share() {
		for range l.width {
			all.Add(1)
			go func() {
				ran.Add(1)
				all.Done()
			}()
		}
		all.Wait()
	}
	check(ran.Load(), l.n)
}

func yields(l load) {
	var all sync.WaitGroup
	var sum atomic.Uint64
	for range l.width {
		all.Go(func() {
			count := uint64(0)
			for count < l.share() {
				runtime.Gosched()
				count++
			}
			sum.Add(count)
		})
	}
	all.Wait()
	check(sum.Load(), l.n)
}

func pingpong(l load) {
	var all sync.WaitGroup
	var sum atomic.Uint64
	rounds := l.share()
	for range l.width {
		ping, pong := make(chan uint64), make(chan uint64)
		go func() {
			for ball := range ping {
				pong <- ball + 1
			}
		}()
		all.Go(func() {
			defer close(ping)
			total := uint64(0)
			for ball := range rounds {
				ping <- ball
				total += <-pong
			}
			sum.Add(total)
		})
	}
	all.Wait()
	check(sum.Load(), l.width*(rounds*(rounds+1)/2))
}

func prodcons(l load) {
	values := make(chan uint64, l.capacity)
	var producers, consumers sync.WaitGroup
	var sum atomic.Uint64
	for p := range l.width {
		producers.Go(func() {
			for value := p * l.share(); value < (p+1)*l.share(); value++ {
				values <- value
			}
		})
	}
	for range l.width {
		consumers.Go(func() {
			total := uint64(0)
			for value := range values {
				total += value
			}
			sum.Add(total)
		})
	}
	producers.Wait()
	close(values)
	consumers.Wait()
	check(sum.Load(), l.n*(l.n-1)/2)
}

// threadring has its parent as one of the ring.
func threadring(l load) {
	first := make(chan uint64)
	previous := first
	for range l.width - 1 {
		from, to := previous, make(chan uint64)
		go func() {
			defer close(to)
			for token := range from {
				to <- token + 1
			}
		}()
		previous = to
	}
	token := uint64(0)
	for range l.share() {
		first <- token + 1
		token = <-previous
	}
	close(first)
	check(token, l.n)
}

func parked(l load) {
	values := make(chan uint64)
	var ready, all sync.WaitGroup
	var sum atomic.Uint64
	for range l.n {
		ready.Add(1)
		all.Add(1)
		go func() {
			ready.Done()
			sum.Add(<-values)
			all.Done()
		}()
	}
	ready.Wait()
	for value := range l.n {
		values <- value
	}
	all.Wait()
	check(sum.Load(), l.n*(l.n-1)/2)
}

// check ends the process if a workload's result is wrong.
func check(got, want uint64) {
	if got != want {
		fail(fmt.Sprintf("wrong result: %d, not %d", got, want))
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func parse(text string) load {
	fields := strings.Split(text, ":")
	if len(fields) != 4 {
		fail(text + ": not KIND:WIDTH:CAPACITY:N")
	}
	var numbers [3]uint64
	for i, field := range fields[1:] {
		number, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			fail(err.Error())
		}
		numbers[i] = number
	}
	return load{fields[0], numbers[0], numbers[1], numbers[2]}
}

// rssBytesPeak returns the most memory the process had, "-" where the system does not tell.
func rssBytesPeak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "-"
	}
	for line := range strings.Lines(string(status)) {
		var kib uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return strconv.FormatUint(kib*1024, 10)
		}
	}
	return "-"
}

package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// nap is what the sleeper sleeps at a time.
const nap = time.Millisecond

// headStart is how long the sleeper is alone before the loops begin.
const headStart = 5 * time.Millisecond

// hogs has endless loops that call nothing beside a sleeper.
func hogs(l load) []string {
	var all sync.WaitGroup
	var stop atomic.Bool
	length := time.Duration(l.n) * time.Millisecond
	countedFrom := time.Now().Add(length / 6)
	until := countedFrom.Add(length)
	time.AfterFunc(2*time.Until(until), func() { stop.Store(true) })
	var late []time.Duration
	all.Go(func() {
		late = sleepMuch(countedFrom, until, &stop)
		if stop.Swap(true) {
			fmt.Printf("starved: it slept %d times beside them\n", len(late))
			os.Exit(0)
		}
	})
	time.Sleep(headStart)
	for range l.width {
		all.Go(func() {
			turns := uint64(0)
			for !stop.Load() {
				turns++
			}
			sink.Store(turns)
		})
	}
	all.Wait()
	return lateness(late)
}

// sink is where results go that nobody needs.
var sink atomic.Uint64

// sleepMuch returns how late each sleep was.
func sleepMuch(countedFrom, until time.Time, stop *atomic.Bool) []time.Duration {
	late := make([]time.Duration, 0, 1<<16)
	for !stop.Load() {
		asleep := time.Now()
		if !asleep.Before(until) && len(late) > 0 {
			break
		}
		time.Sleep(nap)
		slept := time.Since(asleep)
		if slept < nap {
			fail(fmt.Sprintf("a sleep of %v", slept))
		}
		if !asleep.Before(countedFrom) {
			late = append(late, slept-nap)
		}
	}
	return late
}

// lateness returns the mean, the 99th percentile and the most.
func lateness(late []time.Duration) []string {
	slices.Sort(late)
	sum := time.Duration(0)
	for _, value := range late {
		sum += value
	}
	count := len(late)
	mean := fmt.Sprint(float64(sum) / float64(count))
	p99 := late[(count*99+99)/100-1]
	return []string{mean, fmt.Sprint(int64(p99)), fmt.Sprint(int64(late[count-1]))}
}

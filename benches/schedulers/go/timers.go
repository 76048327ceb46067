package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// leadNs is what everybody sleeps at least, for each sleeper there is, so that all sleep before the
// first one wakes; apartNs, how far apart they wake on the average.
const (
	leadNs  = 2_000
	apartNs = 1_000
)

const asleepNs = ^uint64(0)

// timers has everybody sleep once, and note how late it woke.
func timers(l load) []string {
	late := make([]atomic.Uint64, l.n)
	for i := range late {
		late[i].Store(asleepNs)
	}
	var all sync.WaitGroup
	begun := time.Now()
	for sleeper := range l.n {
		all.Go(func() {
			nap := napOf(sleeper, l.n)
			asleep := time.Now()
			time.Sleep(nap)
			slept := time.Since(asleep)
			if slept < nap {
				fail(fmt.Sprintf("a sleep of %v, not %v", slept, nap))
			}
			if late[sleeper].Swap(uint64(slept-nap)) != asleepNs {
				fail("woken twice")
			}
		})
	}
	all.Wait()
	wall := time.Since(begun)
	return append(nanoseconds(wall), sleepersLateness(late)...)
}

// napOf returns how long one sleeps: nobody's order is that in which they were made.
func napOf(sleeper, sleepers uint64) time.Duration {
	part := sleeper * 0x9e3779b97f4a7c15 >> 40
	return time.Duration(sleepers*leadNs + sleepers*apartNs*part>>24)
}

// sleepersLateness returns the mean and the 99th percentile.
func sleepersLateness(late []atomic.Uint64) []string {
	sorted := make([]uint64, 0, len(late))
	sum := 0.0
	for i := range late {
		value := late[i].Load()
		if value == asleepNs {
			fail("somebody never woke")
		}
		sorted = append(sorted, value)
		sum += float64(value)
	}
	slices.Sort(sorted)
	count := len(sorted)
	return []string{fmt.Sprint(sum / float64(count)), fmt.Sprint(sorted[(count*99+99)/100-1])}
}

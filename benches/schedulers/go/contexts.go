package main

import (
	"context"
	"sync"
	"sync/atomic"
)

// childContexts is how many contexts are made of each.
const childContexts = 10

// contextsShare is what the goroutines of the trees share.
type contextsShare struct {
	ready, all sync.WaitGroup
	canceled   atomic.Uint64
	cancels    []context.CancelFunc
}

// contextTree makes trees, one after the other; the end of the first context is the end of all.
func contextTree(l load) {
	var share contextsShare
	for range l.share() {
		root, cancel := context.WithCancel(context.Background())
		share.cancels = nil
		share.grow(root, l.width)
		share.ready.Wait()
		cancel()
		share.all.Wait()
		for _, cancel := range share.cancels {
			cancel()
		}
	}
	check(share.canceled.Load(), l.n)
}

// grow has a goroutine wait at each leaf.
func (s *contextsShare) grow(parent context.Context, leaves uint64) {
	if leaves == 1 {
		s.watch(parent)
		return
	}
	for range childContexts {
		child, cancel := context.WithCancel(parent)
		s.cancels = append(s.cancels, cancel)
		s.grow(child, leaves/childContexts)
	}
}

func (s *contextsShare) watch(ctx context.Context) {
	s.ready.Add(1)
	s.all.Go(func() {
		s.ready.Done()
		<-ctx.Done()
		if ctx.Err() == context.Canceled {
			s.canceled.Add(1)
		}
	})
}

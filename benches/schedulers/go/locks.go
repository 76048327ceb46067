package main

import "sync"

func mutex(l load) {
	var all sync.WaitGroup
	var lock sync.Mutex
	count := uint64(0)
	for range l.width {
		all.Go(func() {
			for range l.share() {
				lock.Lock()
				count++
				lock.Unlock()
			}
		})
	}
	all.Wait()
	check(count, l.n)
}

// writeEvery says which turns of rwmutex are writes: one in so many.
const writeEvery = 10

// rwmutex guards two counts that are the same whenever nobody writes.
func rwmutex(l load) {
	var all sync.WaitGroup
	var lock sync.RWMutex
	var first, second uint64
	for range l.width {
		all.Go(func() {
			for turn := range l.share() {
				if turn%writeEvery == 0 {
					lock.Lock()
					check(first, second)
					first++
					second++
					lock.Unlock()
				} else {
					lock.RLock()
					check(first, second)
					lock.RUnlock()
				}
			}
		})
	}
	all.Wait()
	check(second, l.width*((l.share()+writeEvery-1)/writeEvery))
}

// Makes a trace of goroutines that talk: pairs that hand numbers over, workers that select, a lock.
package main

import (
	"os"
	"runtime/trace"
	"strconv"
	"sync"
)

func main() {
	turns, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { handOver(turns) })
		all.Go(func() { choose(turns) })
		all.Go(func() { spawn(turns) })
	}
	all.Wait()
	trace.Stop()
}

func handOver(turns int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for n := range there {
			back <- n + 1
		}
		close(back)
	}()
	for n := range turns {
		there <- n
		<-back
	}
	close(there)
}

func choose(turns int) {
	left, right, done := make(chan int), make(chan int), make(chan bool)
	go func() {
		defer close(done)
		for range turns {
			select {
			case <-left:
			case <-right:
			}
		}
	}()
	for n := range turns {
		if n%3 == 0 {
			left <- n
		} else {
			right <- n
		}
	}
	<-done
}

func spawn(turns int) {
	var lock sync.Mutex
	var all sync.WaitGroup
	sum := 0
	for n := range turns {
		all.Go(func() {
			lock.Lock()
			sum += n
			lock.Unlock()
		})
		if n%64 == 0 {
			all.Wait()
		}
	}
	all.Wait()
}

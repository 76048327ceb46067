package main

import "sync"

// skynet has leaves send their numbers, and nodes the sums of what their children send.
func skynet(l load) {
	sum := make(chan uint64)
	go node(sum, 0, l)
	check(<-sum, l.n*(l.n-1)/2)
}

// node has l.n leaves below, from number first on.
func node(parent chan<- uint64, first uint64, l load) {
	if l.n == 1 {
		parent <- first
		return
	}
	children := make(chan uint64)
	below := l
	below.n = l.share()
	for child := range l.width {
		go node(children, first+child*below.n, below)
	}
	sum := uint64(0)
	for range l.width {
		sum += <-children
	}
	parent <- sum
}

// aloneBelow is the number from which on a call of fib calls goroutines.
const aloneBelow = 12

func fib(l load) {
	var all sync.WaitGroup
	var result uint64
	all.Go(func() { result = call(l.width) })
	all.Wait()
	check(result, fibonacci(l.width))
}

func call(number uint64) uint64 {
	if number < aloneBelow {
		return recurse(number)
	}
	var all sync.WaitGroup
	var one, two uint64
	all.Go(func() { one = call(number - 1) })
	all.Go(func() { two = call(number - 2) })
	all.Wait()
	return one + two
}

func recurse(number uint64) uint64 {
	if number < 2 {
		return number
	}
	return recurse(number-1) + recurse(number-2)
}

// fibonacci returns the number itself, to compare with.
func fibonacci(number uint64) uint64 {
	this, next := uint64(0), uint64(1)
	for range number {
		this, next = next, this+next
	}
	return this
}

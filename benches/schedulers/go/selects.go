package main

// selects has one receive from whoever of four sends first.
func selects(l load) {
	var from [4]chan uint64
	for p := range l.width {
		from[p] = make(chan uint64)
		go func() {
			for value := p * l.share(); value < (p+1)*l.share(); value++ {
				from[p] <- value
			}
		}()
	}
	a, b, c, d := from[0], from[1], from[2], from[3]
	result := make(chan uint64)
	go func() {
		sum, value := uint64(0), uint64(0)
		for range l.n {
			select {
			case value = <-a:
			case value = <-b:
			case value = <-c:
			case value = <-d:
			}
			sum += value
		}
		result <- sum
	}()
	check(<-result, l.n*(l.n-1)/2)
}

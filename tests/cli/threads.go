// Threads of C call Go, one after the other: each gets the goroutine that the last one had.
package main

/*
#cgo LDFLAGS: -pthread
#include <pthread.h>

extern void called(void);

static void *run(void *nothing) {
	called();
	return nothing;
}

static void thread(void) {
	pthread_t thread;
	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, NULL);
}
*/
import "C"

import (
	"os"
	"runtime/trace"
	"time"
)

var turn = make(chan bool)

//export called
func called() {
	go func() {
		time.Sleep(time.Millisecond)
		turn <- true
	}()
	<-turn
	os.Getwd()
}

func main() {
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	for range 20 {
		C.thread()
	}
	trace.Stop()
}

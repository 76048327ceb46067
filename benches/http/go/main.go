// The hello server on Go's net/http. See benches/README.md.
//
// It prints its address, and ends when its input does. GOMAXPROCS is in the environment.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/trace"
)

func main() {
	startTracing()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	hello := []byte("hello, world\n")
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(hello)
	}))
	fmt.Println(listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// startTracing takes a trace until the end, or has a flight recorder record, if that is measured.
func startTracing() {
	var err error
	switch os.Getenv("GORT_BENCH_TRACING") {
	case "traced":
		err = trace.Start(io.Discard)
	case "recorded":
		err = trace.NewFlightRecorder(trace.FlightRecorderConfig{}).Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

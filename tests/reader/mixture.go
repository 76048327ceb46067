// Something of all that Go's runtime puts into a trace, for some tenths of a second.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

func main() {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		panic(err)
	}
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	loads := []func(){connections, locks, channels, garbage, files, annotations, coroutines}
	end := time.Now().Add(400 * time.Millisecond)
	var all sync.WaitGroup
	for _, load := range loads {
		all.Go(func() {
			for time.Now().Before(end) {
				load()
			}
		})
	}
	all.Wait()
	trace.Stop()
	pprof.StopCPUProfile()
}

func connections() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	go func() {
		for range 4 {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(connection, connection)
				connection.Close()
			}()
		}
	}()
	for range 4 {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(connection, "hello")
		connection.Read(make([]byte, 5))
		connection.Close()
	}
}

func locks() {
	var lock sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				lock.Lock()
				runtime.Gosched()
				lock.Unlock()
			}
		})
	}
	all.Wait()
}

func channels() {
	numbers, done := make(chan int), make(chan bool)
	go func() {
		for {
			select {
			case <-numbers:
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	for n := range 100 {
		numbers <- n
	}
	time.Sleep(2 * time.Millisecond)
	done <- true
}

var kept [][]byte

func garbage() {
	kept = nil
	for range 200 {
		kept = append(kept, make([]byte, 64<<10))
	}
	runtime.GC()
}

func files() {
	file, err := os.CreateTemp("", "mixture")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	for range 20 {
		file.Write(bytes.Repeat([]byte("text"), 1000))
		file.Sync()
	}
	read, write, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		time.Sleep(time.Millisecond)
		write.Close()
	}()
	io.ReadAll(read)
	read.Close()
}

func annotations() {
	ctx, task := trace.NewTask(context.Background(), "a \"task\"\n")
	defer task.End()
	trace.WithRegion(ctx, "outer région", func() {
		trace.Log(ctx, "key", "value\tand more")
		trace.WithRegion(ctx, "inner", func() { time.Sleep(time.Millisecond) })
	})
	pprof.Do(ctx, pprof.Labels("label", "of it"), func(ctx context.Context) {
		_, inner := trace.NewTask(ctx, "part")
		trace.Logf(ctx, "", "%d", 7)
		time.Sleep(30 * time.Millisecond)
		inner.End()
	})
}

func coroutines() {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for n := 0; yield(n); n++ {
			if n == 100 {
				runtime.Gosched()
			}
		}
	})
	for range 200 {
		next()
	}
	stop()
	time.Sleep(time.Millisecond)
}

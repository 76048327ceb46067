package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

const (
	messageBytes = 64
	// batch is how many connect at once, so that the listener's queue does not overflow.
	batch = 100
	// mostInOneProcess: with more connections each side is a process of its own.
	mostInOneProcess = 5_000
)

func tcpEcho(l load) []string {
	before := openFilesAtFirst()
	var elapsed time.Duration
	if l.width > mostInOneProcess {
		server, address := serveElsewhere(l)
		elapsed = clients(l, address)
		must(server.Wait())
	} else {
		var server sync.WaitGroup
		listener := listen()
		server.Go(func() { serve(listener, l) })
		elapsed = clients(l, listener.Addr().String())
		server.Wait()
	}
	checkFiles(before)
	return nanoseconds(elapsed)
}

// tcpServe is the server side as a process of its own.
func tcpServe(l load) {
	before := openFilesAtFirst()
	listener := listen()
	fmt.Println(listener.Addr())
	serve(listener, l)
	checkFiles(before)
}

// serveElsewhere starts this program once more.
func serveElsewhere(l load) (server *exec.Cmd, address string) {
	server = exec.Command(os.Args[0], "yield:1:0:1", fmt.Sprintf("tcp_serve:%d:0:%d", l.width, l.n))
	server.Stderr = os.Stderr
	pipe, err := server.StdoutPipe()
	must(err)
	must(server.Start())
	return server, line(bufio.NewReader(pipe))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return listener
}

func serve(listener net.Listener, l load) {
	var all sync.WaitGroup
	var bytes atomic.Uint64
	for range l.width {
		connection, err := listener.Accept()
		must(err)
		all.Go(func() { bytes.Add(answer(connection)) })
	}
	all.Wait()
	must(listener.Close())
	check(bytes.Load(), l.n*messageBytes)
}

func answer(connection net.Conn) uint64 {
	defer connection.Close()
	buffer := make([]byte, messageBytes)
	sum := uint64(0)
	for {
		n, err := connection.Read(buffer)
		if err == io.EOF {
			return sum
		}
		must(err)
		_, err = connection.Write(buffer[:n])
		must(err)
		sum += uint64(n)
	}
}

// clients connects them all, then lets them go and takes the time.
func clients(l load, address string) time.Duration {
	var ready, all sync.WaitGroup
	var sum atomic.Uint64
	gate := make(chan struct{})
	for client := range l.width {
		ready.Add(1)
		all.Go(func() {
			connection, err := net.Dial("tcp", address)
			must(err)
			defer connection.Close()
			ready.Done()
			<-gate
			sum.Add(ask(l, client, connection))
		})
		if client%batch == batch-1 {
			ready.Wait()
		}
	}
	ready.Wait()
	start := time.Now()
	close(gate)
	all.Wait()
	elapsed := time.Since(start)
	check(sum.Load(), l.n)
	return elapsed
}

func ask(l load, client uint64, connection net.Conn) uint64 {
	var question, answer [messageBytes]byte
	for i := range question {
		question[i] = byte(client)
	}
	binary.LittleEndian.PutUint64(question[:], client)
	for turn := range l.share() {
		binary.LittleEndian.PutUint64(question[8:], turn)
		_, err := connection.Write(question[:])
		must(err)
		_, err = io.ReadFull(connection, answer[:])
		must(err)
		if answer != question {
			fail("another answer")
		}
	}
	return l.share()
}

// openFilesAtFirst counts when the network poller has opened its own files.
func openFilesAtFirst() int {
	must(listen().Close())
	return openFiles()
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	must(err)
	return len(entries)
}

// checkFiles gives whoever closes beside us a moment for it.
func checkFiles(before int) {
	deadline := time.Now().Add(time.Second)
	for openFiles() > before {
		if time.Now().After(deadline) {
			fail(fmt.Sprintf("open files: %d before, %d after", before, openFiles()))
		}
		time.Sleep(time.Millisecond)
	}
}

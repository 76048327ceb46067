// What Go's reader gives, as text, to be compared with another reader's.
package main

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"internal/trace"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// unprintable stands for an event that Go's reader gives and then dies of.
const unprintable = "unprintable"

// hashes prints a line for each file: how many events there are, a hash of their texts (0 if there
// are some without), and what is wrong with the rest.
func hashes(out *bufio.Writer, files []string) {
	for _, file := range files {
		hash := fnv.New64a()
		events := 0
		printable := true
		err := readAll(file, func(line string) {
			events++
			printable = printable && line != unprintable
			io.WriteString(hash, line)
			io.WriteString(hash, "\n")
		})
		verdict := "accepted"
		why := ""
		if err != nil {
			verdict = "rejected"
			why, _, _ = strings.Cut(err.Error(), "\n")
		}
		sum := hash.Sum64()
		if !printable {
			sum = 0
		}
		fmt.Fprintf(out, "%s %d %016x %s\n", verdict, events, sum, why)
	}
}

// readAll gives each event's text to use.
func readAll(file string, use func(string)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	reader, err := trace.NewReader(f)
	if err != nil {
		return err
	}
	for {
		event, err := reader.ReadEvent()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		use(text(event))
	}
}

// text is what go tool trace prints of an event, but for times of day, which are numbers here, and
// for what kills it.
func text(event trace.Event) (text string) {
	defer func() {
		if reason := recover(); reason != nil {
			text = unprintable
		}
	}()
	if event.Kind() != trace.EventSync {
		return event.String()
	}
	text = fmt.Sprintf("Sync Time=%d N=%d", event.Time(), event.Sync().N)
	if clocks := event.Sync().ClockSnapshot; clocks != nil {
		wall := clocks.Wall
		text += fmt.Sprintf(" Trace=%d Mono=%d Wall=%d+%d", clocks.Trace, clocks.Mono, wall.Unix(), wall.Nanosecond())
	}
	for name, batches := range event.Sync().ExperimentalBatches {
		for _, batch := range batches {
			text += fmt.Sprintf(" %s=%d:%x", name, batch.Thread, batch.Data)
		}
	}
	return text
}

// measure reads a file, and prints the number of events, the seconds that took, those of processor
// time, and the most memory in KiB.
func measure(out *bufio.Writer, file string) {
	f, err := os.Open(file)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	begin := time.Now()
	reader, err := trace.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		panic(err)
	}
	events := 0
	for ; ; events++ {
		if _, err := reader.ReadEvent(); err == io.EOF {
			break
		} else if err != nil {
			panic(err)
		}
	}
	took := time.Since(begin)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	fmt.Fprintf(out, "%d %.6f %.6f %d\n", events, took.Seconds(), used.Seconds(), usage.Maxrss)
}

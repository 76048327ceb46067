// Command gtv checks execution traces with Go's own reader and the strict validator of Go's own
// tests. Both are internal to Go, so it is built as if it stood among Go's own commands.
//
//	gtv FILE...
//
// prints a line for each file, and exits with 1 if any was rejected.
//
//	gtv -read FILE...      what the reader alone makes of each, with a hash of its events as text
//	gtv -print FILE        the events as text
//	gtv -convert FOLDER    the cases of Go's own tests and fuzzer, as files in that folder
//	gtv -time FILE         how fast the reader is, and how much memory it takes
package main

import (
	"bufio"
	"fmt"
	"internal/trace"
	"internal/trace/testtrace"
	"internal/trace/version"
	"io"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: gtv FILE...")
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	switch args := os.Args[2:]; os.Args[1] {
	case "-read":
		hashes(out, args)
		return
	case "-print":
		readAll(args[0], func(line string) { fmt.Fprintln(out, line) })
		return
	case "-convert":
		convert(args[0])
		return
	case "-time":
		measure(out, args[0])
		return
	}
	rejected := 0
	for _, file := range os.Args[1:] {
		events, err := check(file)
		if err != nil {
			rejected++
			fmt.Fprintf(out, "rejected %s after %d events: %v\n", file, events, err)
			continue
		}
		fmt.Fprintf(out, "accepted %s with %d events\n", file, events)
	}
	if err := out.Flush(); err != nil || rejected > 0 {
		os.Exit(1)
	}
}

// check reads a whole trace and returns the number of its events and what is wrong with it.
func check(file string) (events int, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the reader panicked: %v", reason)
		}
	}()
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = read(f, &events)
	return events, err
}

// read counts the events as it goes, so that they are known if the reader panics.
func read(f *os.File, events *int) error {
	validator := testtrace.NewValidator()
	var err error
	if validator.GoVersion, err = version.ReadHeader(f); err != nil {
		return err
	}
	if _, err = f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader, err := trace.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	return validate(reader, validator, events)
}

// validate reads to the end, also past what is invalid: what cannot be read is the worse news.
func validate(reader *trace.Reader, validator *testtrace.Validator, events *int) (invalid error) {
	for {
		event, err := reader.ReadEvent()
		if err == io.EOF {
			return invalid
		}
		if err != nil {
			return fmt.Errorf("reader: %w", err)
		}
		*events++
		if err := validator.Event(event); err != nil && invalid == nil {
			invalid = fmt.Errorf("validator, event %d: %w", *events, err)
		}
	}
}

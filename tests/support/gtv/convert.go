// The cases of Go's own tests, as files.
package main

import (
	"fmt"
	"internal/trace/testtrace"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// convert writes the traces of Go's tests and of its fuzzer's corpus into a folder. It prints each
// one's name, and whether Go says that it is to be accepted.
func convert(folder string) {
	data := filepath.Join(runtime.GOROOT(), "src/internal/trace/testdata")
	for _, file := range files(data, "tests/*.test") {
		text, _, expected, err := testtrace.ParseFile(file)
		if err != nil {
			panic(err)
		}
		bytes, err := io.ReadAll(text)
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".test")
		write(folder, name, bytes)
		fmt.Println(name, expected.Check(nil) == nil)
	}
	for _, file := range files(data, "fuzz/FuzzReader/*") {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		_, line, _ := strings.Cut(string(text), "\n")
		quoted := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "[]byte("), ")")
		bytes, err := strconv.Unquote(quoted)
		if err != nil {
			panic(err)
		}
		write(folder, "fuzz-"+filepath.Base(file), []byte(bytes))
	}
}

func files(data, pattern string) []string {
	files, err := filepath.Glob(filepath.Join(data, pattern))
	if err != nil || len(files) == 0 {
		panic(fmt.Sprint("no cases: ", pattern, " ", err))
	}
	return files
}

func write(folder, name string, bytes []byte) {
	if err := os.WriteFile(filepath.Join(folder, name+".trace"), bytes, 0o644); err != nil {
		panic(err)
	}
}

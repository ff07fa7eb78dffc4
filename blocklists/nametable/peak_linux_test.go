package nametable

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// workFile is the environment variable that tells a process of the test binary
// to build a table of the rules in a file and say how much memory that took.
const workFile = "NAMETABLE_WORK"

func TestMain(m *testing.M) {
	if path := os.Getenv(workFile); path != "" {
		if err := reportMemory(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func BenchmarkPeak(b *testing.B) {
	w := newWorkload(b, benchNames)
	var r memory
	for b.Loop() {
		r = measurePeak(b, w)
	}
	b.ReportMetric(float64(r.table)/float64(r.names), "B/name")
	b.ReportMetric(float64(r.peak)/float64(r.names), "peakB/name")
	b.ReportMetric(float64(r.peak)/float64(r.table), "peak/table")
}

// memory is what a process says: the names of the table, its bytes, and the most
// bytes that the process had in memory at once above those before.
type memory struct{ names, table, peak int64 }

// measurePeak builds the table in a process of its own, which reads the rules
// from a file through a small buffer.
func measurePeak(tb testing.TB, w *workload) (r memory) {
	path := filepath.Join(tb.TempDir(), "rules")
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for i, name := range w.names {
		var b [9]byte
		binary.LittleEndian.PutUint32(b[0:], w.rules[i].Kind)
		binary.LittleEndian.PutUint32(b[4:], w.rules[i].Line)
		b[8] = byte(len(name))
		out.Write(b[:])
		out.Write(name)
	}
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workFile+"="+path)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Sscan(string(said), &r.names, &r.table, &r.peak); err != nil {
		tb.Fatalf("%q: %v", said, err)
	}
	return r
}

func reportMemory(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var (
		in   = bufio.NewReaderSize(file, 64<<10)
		b    Builder
		head [9]byte
		name [255]byte
	)
	loadModel()
	before, err := status("VmRSS:")
	if err != nil {
		return err
	}
	for {
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if _, err := io.ReadFull(in, name[:head[8]]); err != nil {
			return err
		}
		r := Rule{Kind: binary.LittleEndian.Uint32(head[0:]), Line: binary.LittleEndian.Uint32(head[4:])}
		if err := b.Add(name[:head[8]], r); err != nil {
			return err
		}
	}
	t, err := b.Build()
	if err != nil {
		return err
	}
	peak, err := status("VmHWM:")
	fmt.Println(t.Names(), t.Bytes(), peak-before)
	runtime.KeepAlive(t)
	return err
}

// status returns the bytes that the kernel says of this process.
func status(field string) (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/self/status", field)
}

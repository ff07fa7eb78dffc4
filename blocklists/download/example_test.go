package download_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"tundns/blocklists/download"
)

// A list that is loaded from its copy at every start, and again when a new copy
// has come. Without network, and without a copy of the last run, there is none.
func ExampleRefresher() {
	folder, err := os.MkdirTemp("", "lists")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	load := make(chan struct{}, 1)
	r, err := download.New(download.Options{
		Folder: folder,
		Lists:  []download.List{{Name: "ads", URL: "https://lists.example/ads.txt"}},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("no network in an example")
		},
		Inspect: func(_ string, text io.Reader) (rules int, err error) {
			lines := bufio.NewScanner(text)
			for lines.Scan() {
				rules++
			}
			return rules, lines.Err()
		},
		Changed: func() {
			select {
			case load <- struct{}{}:
			default: // will be loaded anyway
			}
		},
	})
	if err != nil {
		panic(err)
	}
	r.Start()
	defer r.Close()
	fmt.Printf("copy: %q\n", r.Path("ads"))
	fmt.Println(r.Refresh(context.Background(), "ads"))
	// Output:
	// copy: ""
	// list "ads": no network in an example
}

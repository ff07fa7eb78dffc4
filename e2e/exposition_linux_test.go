package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// exposition is what a metrics page shows: values by metric name and labels, as
// they are written on the page.
type exposition map[string]float64

// scrape reads a metrics page from the host.
func (h *host) scrape(url string) (page string, values exposition, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), clientPatience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: h.dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", nil, err
	}
	if response.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	values = make(exposition)
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if values[line[:i]], err = strconv.ParseFloat(line[i+1:], 64); err != nil {
			return "", nil, fmt.Errorf("%s: line %q: %w", url, line, err)
		}
	}
	return string(body), values, nil
}

// metrics reads the page at the virtual address.
func (h *host) metrics() exposition {
	h.t.Helper()
	_, values, err := h.scrape("http://" + virtual4 + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	return values
}

// sum adds the values of a metric whose labels contain every given text, such
// as `kind="positive"`.
func (e exposition) sum(metric string, labels ...string) (total float64) {
next:
	for key, value := range e {
		name, rest, _ := strings.Cut(key, "{")
		if name != metric {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(rest, label) {
				continue next
			}
		}
		total += value
	}
	return total
}

// has is whether the page shows a metric of this name.
func (e exposition) has(metric string) bool {
	for key := range e {
		if name, _, _ := strings.Cut(key, "{"); name == metric {
			return true
		}
	}
	return false
}

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"

	"tundns/atomicfile"
	"tundns/dnswire"
)

const (
	// addressesVersion is that of the file's form.
	addressesVersion = 1

	// maxAddressesFile bounds what is read of the file in bytes; a name takes
	// about a hundred.
	maxAddressesFile = 256 << 10
)

// addressesFile is what the file of last good addresses holds, as JSON.
type addressesFile struct {
	Version   int                     `json:"version"`
	Addresses map[string][]netip.Addr `json:"addresses"` // by name
}

// readAddresses reads the file. One that does not exist, or "", holds nothing.
func readAddresses(path string) (map[dnswire.Name][]netip.Addr, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAddressesFile+1))
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	known, err := parseAddresses(data)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %s is of no use: %w", path, err)
	}
	return known, nil
}

func parseAddresses(data []byte) (map[dnswire.Name][]netip.Addr, error) {
	if len(data) > maxAddressesFile {
		return nil, errors.New("it is too long")
	}
	var file addressesFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Version != addressesVersion {
		return nil, fmt.Errorf("it has version %d, not %d", file.Version, addressesVersion)
	}
	known := make(map[dnswire.Name][]netip.Addr)
	for text, addrs := range file.Addresses {
		name, err := dnswire.ParseName(text)
		if err != nil {
			return nil, err
		}
		known[name] = addrs
	}
	return known, nil
}

// save writes the last good addresses. The file is replaced as a whole, so that
// it is good at any moment.
func (b *Bootstrap) save() {
	if b.file == "" {
		return
	}
	b.saving.Lock()
	defer b.saving.Unlock()
	file := addressesFile{addressesVersion, make(map[string][]netip.Addr)}
	b.mu.Lock()
	for name, l := range b.known {
		if len(l.addrs) > 0 {
			file.Addresses[name.Text()] = l.addrs
		}
	}
	b.mu.Unlock()
	data, err := json.MarshalIndent(file, "", "\t")
	if err == nil {
		err = atomicfile.Write(b.file, func(w io.Writer) error {
			_, err := w.Write(append(data, '\n'))
			return err
		})
	}
	if err != nil {
		b.trouble(fmt.Errorf("bootstrap: addresses are not kept: %w", err))
	}
}

package download

import (
	"os"
	"strings"
	"time"
)

const (
	// draftPrefix begins the names of files in the making.
	draftPrefix = ".download-"

	// draftLife is the age at which a draft is one of a process that crashed: a
	// fetch ends after deadline, and writes all the time.
	draftLife = 4 * deadline
)

// draft is a file in the making, which only its owner can read. It takes its place
// whole or not at all.
type draft struct{ *os.File }

func newDraft(folder string) (draft, error) {
	f, err := os.CreateTemp(folder, draftPrefix+"*") // mode 0600
	return draft{f}, err
}

// replace ends the draft and puts it at path. What it holds is on the disk before
// it has the name. The name itself need not be: the file before it is as good.
func (d draft) replace(path string) error {
	err := d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(d.Name(), path)
	}
	if err != nil {
		os.Remove(d.Name())
	}
	return err
}

// discard ends a draft that is not to be used.
func (d draft) discard() {
	d.Close()
	os.Remove(d.Name())
}

// abandoned says whether a file of the folder is a draft that nobody will end.
func abandoned(f os.DirEntry, now time.Time) bool {
	if !strings.HasPrefix(f.Name(), draftPrefix) {
		return false
	}
	info, err := f.Info()
	return err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > draftLife
}

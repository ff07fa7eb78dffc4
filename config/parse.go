package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"tundns/spelling"
)

// Parse parses the text of a configuration file. name is what [Config.File] and errors
// show, and its directory is what paths in the file are relative to. It keeps nothing of
// data. The error is of type [Errors].
func Parse(name string, data []byte) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := &decoder{conf: Default(), data: data, lines: linesOf(data)}
	d.conf.File = name
	d.conf.given = map[string]Position{}

	if len(data) > maxFileSize {
		d.fail(0, "the file is larger than %d bytes; this is not a configuration", maxFileSize)
	} else if err := toml.Unmarshal(data, &map[string]any{}); err != nil {
		d.syntax(err)
	} else if root, err := parseTree(data); err != nil {
		d.syntax(err)
	} else {
		d.file(root)
	}
	if len(d.problems) > 0 {
		return nil, report(name, d.lines, d.problems)
	}
	return d.conf, nil
}

// decoder turns the tree of a document into a Config, with a problem for everything that
// does not fit.
type decoder struct {
	conf     *Config
	data     []byte
	lines    lines
	problems []problem

	// Places of what the file gives and later checks look at together. Slices are parallel
	// to those in conf, or empty where conf has the default; the rest is -1 then.
	own, virtual []int // of the items of tun.addresses and dns.addresses
	ownAt, mtuAt int
	serverAt     [][]int // of the URLs of the upstream groups' servers
	bootstrapAt  []int   // of the URLs of the bootstrap's servers
	listener     string  // host of metrics.listen
	listenerAt   int
	listAt       []int // of the lists' URLs, -1 for one without

	// Once all lists are known: their names, in order and as a set, and those that a group
	// has without naming any.
	listNames, always []string
	isList            map[string]bool

	routed map[Domain]bool // the domains of the upstream groups so far
}

// fail records a problem at an offset.
func (d *decoder) fail(at int, format string, args ...any) {
	d.problems = append(d.problems, problem{at, fmt.Sprintf(format, args...)})
}

// syntax records the error of the TOML decoder.
func (d *decoder) syntax(err error) {
	at := 0
	message := strings.TrimPrefix(err.Error(), "toml: ")
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		for range line - 1 {
			at += bytes.IndexByte(d.data[at:], '\n') + 1
		}
		at = max(0, min(at+column-1, len(d.data)))
	}
	if strings.HasSuffix(message, "at start of value") || strings.HasPrefix(message, "expected keyword") {
		message += `; text is written in quotes, like mode = "dns"`
	}
	d.fail(at, "%s", message)
}

// file decodes the whole document.
func (d *decoder) file(root *node) {
	d.ownAt, d.mtuAt, d.listenerAt = -1, -1, -1
	d.table(root, "",
		field{"mode", d.mode},
		field{"state", func(n *node) { d.path(n, &d.conf.State) }},
		field{"tun", d.tun},
		field{"wireguard", d.wireguard},
		field{"dns", d.dns},
		field{"upstream", d.upstreams},
		field{"bootstrap", d.bootstrap},
		field{"cache", d.cache},
		field{"local", d.local},
		field{"list", d.lists},
		field{"group", d.noValue},
		field{"test", d.tests},
		field{"metrics", d.metrics},
		field{"log", d.log},
	)
	// Groups name lists, wherever those stand in the file.
	d.groups(root.get("group"))
	d.checkAddresses()
}

// noValue leaves a value to a later step.
func (d *decoder) noValue(*node) {}

// field is a key of a table and what takes its value.
type field struct {
	name string
	set  func(*node)
}

// table decodes a table. where is its name in messages: "" for the document itself,
// "[tun]" for a table, in other words for an item of an array. Keys of the first two are
// recorded as given.
func (d *decoder) table(t *node, where string, fields ...field) {
	if t.kind == unstable.Array && strings.HasPrefix(where, "[") {
		d.fail(t.at, "%s is one table; write %s once, in single brackets", t.name, where)
		return
	}
	if t.kind != unstable.Table {
		d.fail(t.at, "%s must be a table, not %s", t.name, kindName(t.kind))
		return
	}
	for _, e := range t.entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.name })
		if i < 0 {
			d.unknown(e, where, fields)
			continue
		}
		fields[i].set(e.value)
		switch {
		case where == "":
			d.conf.given[e.name] = d.lines.position(e.at)
		case where[0] == '[':
			d.conf.given[t.name+"."+e.name] = d.lines.position(e.at)
		}
	}
}

func (d *decoder) unknown(e *entry, where string, fields []field) {
	if where != "" {
		where = " in " + where
	}
	if len(d.problems) > maxErrors {
		// Not to be shown, so not worth a search.
		d.fail(e.at, "unknown key")
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	if near := spelling.Nearest(e.name, names); near != "" {
		d.fail(e.at, "unknown key %s%s; did you mean %q?", quote(e.name), where, near)
		return
	}
	d.fail(e.at, "unknown key %s%s; the keys are %s", quote(e.name), where, strings.Join(names, ", "))
}

// tables returns the items of an array of tables, [[name]] in the file.
func (d *decoder) tables(n *node) []*node {
	if n.kind != unstable.Array {
		d.fail(n.at, "%s is a list of tables; write [[%s]], in double brackets", n.name, n.name)
		return nil
	}
	return n.items
}

// list returns the items of an array.
func (d *decoder) list(n *node, of string) ([]*node, bool) {
	if n.kind != unstable.Array {
		d.fail(n.at, "%s must be a list of %s in square brackets, not %s", n.name, of, kindName(n.kind))
		return nil, false
	}
	return n.items, true
}

// str returns a string. what says what it is to be, with its article.
func (d *decoder) str(n *node, what string) (string, bool) {
	if n.kind != unstable.String {
		d.fail(n.at, "%s must be %s in quotes, not %s", n.name, what, kindName(n.kind))
		return "", false
	}
	return n.text, true
}

// item returns an item of a list of strings.
func (d *decoder) item(n *node, what string) (string, bool) {
	if n.kind != unstable.String {
		d.fail(n.at, "each item of %s must be %s in quotes, not %s", n.name, what, kindName(n.kind))
		return "", false
	}
	return n.text, true
}

// boolean stores true or false into to.
func (d *decoder) boolean(n *node, to *bool) {
	if n.kind != unstable.Bool {
		d.fail(n.at, "%s must be true or false, not %s", n.name, kindName(n.kind))
		return
	}
	*to = n.text == "true"
}

// path stores the path of a file into to, joined to the configuration's directory.
func (d *decoder) path(n *node, to *string) {
	text, ok := d.str(n, "a path")
	if !ok {
		return
	}
	if strings.ContainsRune(text, 0) {
		d.fail(n.at, "%s has a NUL byte in it", n.name)
		return
	}
	if text != "" && !filepath.IsAbs(text) {
		text = filepath.Join(filepath.Dir(d.conf.File), text)
	}
	*to = text
}

// choice returns a string that is one of now. Those of later are words of the format that
// this version does not support.
func (d *decoder) choice(n *node, now []string, later ...string) (string, bool) {
	text, ok := d.str(n, alternatives(now))
	switch {
	case !ok:
	case slices.Contains(now, text):
		return text, true
	case slices.Contains(later, text):
		d.fail(n.at, "%s %q is not supported in this version; use %s", n.name, text, alternatives(now))
	default:
		d.fail(n.at, "%s %s is not known; use %s", n.name, quote(text), alternatives(now))
	}
	return "", false
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// label returns a name: short and of characters that need no care in metrics and logs.
func (d *decoder) label(n *node) (string, bool) {
	text, ok := d.str(n, "a name")
	if !ok {
		return "", false
	}
	if text == "" || len(text) > 63 || strings.Trim(text, alphanumeric+"-_.") != "" {
		d.fail(n.at, "name %s must be 1 to 63 letters, digits, '-', '_' or '.'", quote(text))
		return "", false
	}
	return text, true
}

// kindName returns what a kind is called in messages.
func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Bool:
		return "true or false"
	case unstable.Array:
		return "a list"
	case unstable.Table:
		return "a table"
	}
	return "a date or time"
}

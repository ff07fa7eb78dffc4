package config

import (
	"path/filepath"
	"strings"
	"unicode"
)

// local decodes [local].
func (d *decoder) local(n *node) {
	d.table(n, "[local]",
		field{"records", func(n *node) { d.conf.Local.Records = d.records(n) }},
		field{"hosts", d.hosts},
	)
}

func (d *decoder) hosts(n *node) {
	items, ok := d.list(n, "paths")
	if !ok {
		return
	}
	seen := map[string]bool{}
	for _, item := range items {
		text, ok := d.item(item, "a path")
		if ok && text == "" {
			d.fail(item.at, `an item of hosts is empty; name a file, like "/etc/hosts", or remove it`)
		}
		if !ok || text == "" {
			continue
		}
		var path string
		if d.path(item, &path); path == "" {
			continue // reported
		}
		path = filepath.Clean(path)
		if seen[path] {
			d.fail(item.at, "hosts file %s is given twice", quote(path))
			continue
		}
		seen[path] = true
		d.conf.Local.Hosts = append(d.conf.Local.Hosts, path)
	}
}

// rules returns a client group's own rules.
func (d *decoder) rules(n *node) []Text {
	return d.texts(n, "rules", `a rule, like "||games.example^",`, func(text string) string {
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "!") {
			return "is a comment, not a rule; write it outside of the quotes"
		}
		return ""
	})
}

// records returns the lines of a zone file.
func (d *decoder) records(n *node) []Text {
	return d.texts(n, "records", `a record, like "nas.home.arpa A 192.168.1.5",`, func(text string) string {
		switch text[0] {
		case ';', '#':
			return "is a comment, not a record; write it outside of the quotes"
		case '$':
			return "is a directive, which is for whole zone files; write the record with its full name"
		}
		return ""
	})
}

// texts returns lines of text that are not checked here but for what wrong says of them,
// blanks at both ends aside. what says what one of them is, with its article.
func (d *decoder) texts(n *node, of, what string, wrong func(string) string) []Text {
	items, ok := d.list(n, of)
	if !ok {
		return nil
	}
	var texts []Text
	for _, item := range items {
		text, ok := d.item(item, what)
		if !ok {
			continue
		}
		trimmed := strings.TrimSpace(text)
		switch {
		case trimmed == "":
			d.fail(item.at, "an item of %s is empty; remove it", n.name)
			continue
		case strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
			d.fail(item.at, "%s has a line break or another control character in it; each item of %s is one line", quote(text), n.name)
			continue
		}
		if why := wrong(trimmed); why != "" {
			d.fail(item.at, "%s %s", quote(text), why)
			continue
		}
		texts = append(texts, Text{trimmed, d.lines.position(item.at)})
	}
	return texts
}

package wgquick

import "strings"

// field is one key of a section.
type field struct {
	name  string                // as wg(8) and wg-quick(8) spell it
	set   func(*parser, string) // takes the trimmed value, records an error or stores it
	list  bool                  // may be given several times, the values add up
	empty bool                  // may have no value
}

// The keys of the two sections, those that make sense first.
var (
	interfaceFields = []field{
		{name: "PrivateKey", set: (*parser).setPrivateKey},
		{name: "Address", set: (*parser).setAddress, list: true},
		{name: "MTU", set: (*parser).setMTU},
		{name: "ListenPort", set: (*parser).setListenPort},
		refused("DNS", "", "tundns does not change the system's resolver; remove the line and ask tundns at its virtual address"),
		refused("Table", "auto", "routes go into the main table; remove the line"),
		refused("FwMark", "off 0 0x0", "packets are not marked; remove the line"),
		refused("SaveConfig", "false", "tundns never writes this file; remove the line"),
		refused("PreUp", "", hooks),
		refused("PostUp", "", hooks),
		refused("PreDown", "", hooks),
		refused("PostDown", "", hooks),
	}
	peerFields = []field{
		{name: "PublicKey", set: (*parser).setPublicKey},
		{name: "PresharedKey", set: (*parser).setPresharedKey},
		{name: "Endpoint", set: (*parser).setEndpoint},
		{name: "AllowedIPs", set: (*parser).setAllowedIPs, list: true, empty: true},
		{name: "PersistentKeepalive", set: (*parser).setKeepalive},
	}
)

const hooks = "tundns runs no commands from this file; remove the line and run the command yourself"

// refused is a key of wg-quick(8) that is not supported, except with one of the values in
// harmless (separated by blanks), which ask for what happens anyway.
func refused(name, harmless, why string) field {
	return field{name: name, list: true, empty: true, set: func(p *parser, value string) {
		for _, v := range strings.Fields(harmless) {
			if strings.EqualFold(v, value) {
				return
			}
		}
		p.fail(p.line, "%s is not supported in this version: %s", name, why)
	}}
}

// fields returns the keys of a section.
func fields(section string) []field {
	if section == sectionPeer {
		return peerFields
	}
	return interfaceFields
}

// findField returns the key of that name in a section, whatever its letter case, or nil.
func findField(section, name string) *field {
	all := fields(section)
	for i := range all {
		if strings.EqualFold(all[i].name, name) {
			return &all[i]
		}
	}
	return nil
}

// fieldNames returns the names of a section's keys.
func fieldNames(section string) []string {
	var names []string
	for _, f := range fields(section) {
		names = append(names, f.name)
	}
	return names
}

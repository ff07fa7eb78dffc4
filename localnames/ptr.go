package localnames

import "tundns/dnswire"

// addPTRs adds PTR records for addresses that have none of the user's.
func (n *Names) addPTRs(addresses []address) {
	added := make(map[dnswire.Name]int)
	for _, a := range addresses {
		owner := reverse(a.addr)
		nd := n.automatic(owner)
		count, ours := added[owner]
		if !ours && (nd.target != "" || len(nd.ofType(dnswire.TypePTR)) > 0) {
			continue // the user's own
		}
		if count == maxPTR || hasPTR(nd, a.name) {
			continue
		}
		if len(nd.records) == 0 {
			n.owners++
		}
		added[owner] = count + 1
		nd.records = grouped(append(nd.records, Record{owner, dnswire.TypePTR, a.ttl, []byte(a.name)}))
	}
}

// automatic returns the node at name, which it makes with those above it that
// are not there. They leave the names below them to the wildcard above.
func (n *Names) automatic(name dnswire.Name) *node {
	if nd := n.nodes[name]; nd != nil {
		return nd
	}
	nd := &node{automatic: true}
	if up, ok := name.Parent(); ok && up != dnswire.Root {
		nd.wild = n.automatic(up).wild
	}
	n.nodes[name] = nd
	return nd
}

// hasPTR reports whether nd has a PTR record for name.
func hasPTR(nd *node, name dnswire.Name) bool {
	for _, r := range nd.ofType(dnswire.TypePTR) {
		if string(r.Data) == string(name) {
			return true
		}
	}
	return false
}

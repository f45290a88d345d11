package domain

import "strings"

// decodePlainly reads a change as [Registry.Encode] writes it: fields in their order, no spaces, texts of
// printable ASCII without escapes. It is a shortcut and no second opinion: it says yes only where encoding/json
// reads the same (TestPlainChangeIsTheFullOne), in a sixth of the time, and nearly every record is plain.
func decodePlainly(raw []byte) (c DashboardChange, plain bool) {
	p := newPlainReader(raw)
	p.texts = make([]string, 0, strings.Count(p.all, `"`)/2)
	p.skip(`{"primary":`)
	c.Primary = p.text()
	p.skip(`,"linked":`)
	c.Linked = p.list()
	p.skip(`,"users":`)
	c.Users = p.list()
	p.skip(`,"allow_client_dashboard":`)
	c.AllowClientDashboard = p.truth()
	p.skip(`,"scopes":`)
	c.Scopes = p.list()
	p.skip(`,"main_poc":`)
	c.MainPOC = plainMap(&p, p.list)
	if p.has(`,"split":`) {
		return DashboardChange{}, false // rare
	}
	if p.has(`,"created":`) {
		c.Created = plainMap(&p, p.text)
	}
	if p.has(`,"lost_access":`) {
		c.LostAccess = p.list()
	}
	p.skip(`}`)
	if !p.ended() {
		return DashboardChange{}, false
	}
	return c, true
}

package domain

import "strings"

// decodePlainly reads a change as [Registry.Encode] writes it: fields in their order, no spaces, texts of
// printable ASCII without escapes. It is a shortcut and no second opinion: it says yes only where encoding/json
// reads the same (TestPlainChangeIsTheFullOne), in a sixth of the time, and nearly every record is plain.
func decodePlainly(raw []byte) (c DashboardChange, plain bool) {
	p := plainReader{rest: string(raw)}
	p.texts = make([]string, 0, strings.Count(p.rest, `"`)/2)
	p.skip(`{"primary":`)
	c.Primary = p.text()
	p.skip(`,"linked":`)
	c.Linked = p.list()
	p.skip(`,"users":`)
	c.Users = p.list()
	p.skip(`,"allow_client_dashboard":`)
	if c.AllowClientDashboard = p.has(`true`); !c.AllowClientDashboard {
		p.skip(`false`)
	}
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
	if p.failed || p.rest != "" {
		return DashboardChange{}, false
	}
	return c, true
}

// plainReader reads JSON from its beginning to its end. Texts are parts of the one string, lists parts of the one
// slice. After a failure everything is empty.
type plainReader struct {
	rest   string
	texts  []string
	failed bool
}

// has skips what comes next if it is this.
func (p *plainReader) has(next string) bool {
	rest, found := strings.CutPrefix(p.rest, next)
	p.rest = rest
	return found
}

// skip skips what must come next.
func (p *plainReader) skip(next string) {
	if !p.has(next) {
		p.failed, p.rest = true, ""
	}
}

// text reads a text without escapes.
func (p *plainReader) text() string {
	p.skip(`"`)
	for i := range len(p.rest) {
		switch b := p.rest[i]; {
		case b == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text
		case b < ' ' || b > '~' || b == '\\':
			p.failed, p.rest = true, ""
			return ""
		}
	}
	p.failed, p.rest = true, ""
	return ""
}

func (p *plainReader) list() []string {
	from := len(p.texts)
	p.skip(`[`)
	for more := !p.has(`]`); more && !p.failed; more = p.more(`]`) {
		p.texts = append(p.texts, p.text())
	}
	return p.texts[from:len(p.texts):len(p.texts)]
}

// more skips a comma, or else what must end the list.
func (p *plainReader) more(end string) bool {
	if p.has(`,`) {
		return true
	}
	p.skip(end)
	return false
}

// plainMap reads an object; of equal keys the last one counts, as in encoding/json.
func plainMap[V any](p *plainReader, value func() V) map[string]V {
	m := map[string]V{}
	p.skip(`{`)
	for more := !p.has(`}`); more && !p.failed; more = p.more(`}`) {
		key := p.text()
		p.skip(`:`)
		m[key] = value()
	}
	return m
}

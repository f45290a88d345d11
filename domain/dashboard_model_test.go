package domain_test

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// model reads the rules one by one, without a look at the code that it judges. Lost are the
// users without access after the change.
func (w *world) model(c domain.UpdateDashboard) (after map[string]doc, lost []string, refusal domain.Code) {
	if c.Primary == w.agency {
		return nil, nil, domain.CodeForbidden // rule 1
	}
	if !w.accounts[c.Primary] {
		return nil, nil, domain.CodeNotFound // rule 10
	}
	if !w.mayName(c) {
		return nil, nil, domain.CodeUnprocessable // rule 10
	}
	before := contents(w.dashboards)
	stays, leaves, ok := w.modelSets(c)
	if !ok {
		return nil, nil, domain.CodeUnprocessable // rule 3
	}
	old := union(stays, leaves)
	var given []string
	if c.Users != nil {
		given = *c.Users
	}
	for _, user := range given {
		if slices.Contains(leaves, w.users[user]) {
			return nil, nil, domain.CodeUnprocessable // rule 5
		}
	}

	after = contents(w.dashboards)
	primary := w.modelDoc(c.Primary)
	if c.AllowClientDashboard != nil {
		primary.allow = *c.AllowClientDashboard
	}
	if c.Scopes != nil {
		primary.scopes = union(*c.Scopes)
	}
	list := union(given)
	if c.Users == nil { // rule 4, less the users of what leaves (rule 5)
		for _, id := range stays {
			list = union(list, w.modelDoc(id).users)
		}
		list = minus(list, func(user string) bool { return slices.Contains(leaves, w.users[user]) })
	}
	for _, id := range stays { // rules 6 and 7
		after[id] = doc{linked: stays, users: list, poc: union(w.poc[id]), scopes: primary.scopes, allow: primary.allow}
	}
	for _, id := range leaves { // rules 3 and 5
		d := after[id]
		d.linked = []string{id}
		d.users = minus(d.users, func(user string) bool {
			home := w.users[user]
			return home != id && slices.Contains(old, home)
		})
		after[id] = d
	}
	for id, d := range before {
		lost = append(lost, minus(d.users, func(user string) bool { return slices.Contains(after[id].users, user) })...)
	}
	if lost = union(lost); len(lost) == 0 {
		lost = nil
	}
	return after, lost, ""
}

func (w *world) mayName(c domain.UpdateDashboard) bool {
	if c.SubAccountIDs != nil && slices.ContainsFunc(*c.SubAccountIDs, func(id string) bool { return !w.accounts[id] }) {
		return false
	}
	return c.Users == nil || !slices.ContainsFunc(*c.Users, func(id string) bool { _, ok := w.users[id]; return !ok })
}

// modelSets is rules 2 and 3.
func (w *world) modelSets(c domain.UpdateDashboard) (stays, leaves []string, ok bool) {
	present := w.modelDoc(c.Primary).linked
	switch {
	case c.SubAccountIDs == nil:
		return present, nil, true
	case c.Unlink:
		stays = union(*c.SubAccountIDs, []string{c.Primary})
		for _, id := range stays {
			if !slices.Contains(present, id) {
				return nil, nil, false
			}
		}
		return stays, minus(present, func(id string) bool { return slices.Contains(stays, id) }), true
	default:
		stays = present
		for _, id := range *c.SubAccountIDs {
			stays = union(stays, w.modelDoc(id).linked)
		}
		return stays, nil, true
	}
}

// modelDoc is the present dashboard, or what a GET would create.
func (w *world) modelDoc(id string) doc {
	if d, ok := contents(w.dashboards)[id]; ok {
		return d
	}
	return doc{linked: []string{id}, users: []string{}, scopes: union(w.scopes)}
}

// contents are the dashboards without their versions.
func contents(dashboards map[string]domain.Dashboard) map[string]doc {
	docs := map[string]doc{}
	for id, d := range dashboards {
		docs[id] = doc{linked: d.SubAccountIDs, users: d.Users, poc: d.MainPOC, scopes: d.Scopes, allow: d.AllowClientDashboard}
	}
	return docs
}

func equalDocs(a, b doc) bool {
	return slices.Equal(a.linked, b.linked) && slices.Equal(a.users, b.users) && slices.Equal(a.poc, b.poc) &&
		slices.Equal(a.scopes, b.scopes) && a.allow == b.allow && (a.linked == nil) == (b.linked == nil)
}

func union(lists ...[]string) []string {
	out := []string{}
	for _, list := range lists {
		for _, id := range list {
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

func minus(list []string, drop func(string) bool) []string {
	out := []string{}
	for _, id := range list {
		if !drop(id) {
			out = append(out, id)
		}
	}
	return out
}

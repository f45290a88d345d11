package demo

import (
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/domain"
)

// endState is what a linked set ends as.
type endState struct {
	accounts []string
	users    []string
	allow    bool
	scopes   []string
}

// endStates is the state that an agency's changes end in: sets of three and two accounts, the rest
// alone. An agency with fewer clients has no sets.
func endStates(a *agency) []endState {
	withAnalytics, without := []string{"analytics", "posts", "reports"}, []string{"posts", "reports"}
	groups := [][]*client{}
	rest := a.clients
	if len(rest) >= 5 {
		groups = append(groups, rest[0:3], rest[3:5])
		rest = rest[5:]
	}
	for _, c := range rest {
		groups = append(groups, []*client{c})
	}
	var out []endState
	for i, group := range groups {
		end := endState{allow: true, scopes: withAnalytics}
		for _, c := range group {
			end.accounts = append(end.accounts, c.id)
			for _, u := range c.users {
				end.users = append(end.users, u.id)
			}
		}
		switch i {
		case 0:
			end.scopes = append(slices.Clone(withAnalytics), "calendar")
			end.users = append(end.users, a.staff[0].id) // staff may be listed too
		case 3:
			end.scopes = without
		case 4:
			end.allow, end.users = false, []string{}
		}
		out = append(out, end)
	}
	return out
}

// settle leads from any state to the end: apart what does not belong together, then together what
// does, then users and settings. A step without effect is left out.
func (p *planner) settle(ends []endState) {
	for _, end := range ends {
		for _, id := range end.accounts {
			keep := slices.DeleteFunc(slices.Clone(p.set(id)), func(other string) bool { return !slices.Contains(end.accounts, other) })
			p.try(domain.UpdateDashboard{Primary: id, Unlink: true, SubAccountIDs: &keep})
		}
	}
	for _, end := range ends {
		others := end.accounts[1:]
		p.try(domain.UpdateDashboard{Primary: end.accounts[0], SubAccountIDs: &others})
	}
	for _, end := range ends {
		p.try(domain.UpdateDashboard{Primary: end.accounts[0], Users: &end.users})
		p.try(domain.UpdateDashboard{Primary: end.accounts[0], AllowClientDashboard: &end.allow, Scopes: &end.scopes})
	}
}

func (p *planner) set(id string) []string { return p.facts.Dashboards[id].SubAccountIDs }

// settled is how many changes there would be if the plan went to its end now.
func (p *planner) settled(ends []endState) int {
	next := p.fork()
	next.settle(ends)
	return len(next.changes)
}

// begin links two clients who do not belong together and takes them apart again, so that every history
// has all kinds of changes, whatever the dice say.
func (p *planner) begin() {
	one, other := p.agency.clients[5], p.agency.clients[6]
	both := []string{one.users[0].id, other.users[0].id}
	p.try(domain.UpdateDashboard{Primary: one.id, SubAccountIDs: &[]string{other.id}, Users: &both})
	p.try(domain.UpdateDashboard{Primary: one.id, AllowClientDashboard: new(true)})
	p.try(domain.UpdateDashboard{Primary: one.id, Unlink: true, SubAccountIDs: &[]string{}})
	p.try(domain.UpdateDashboard{Primary: one.id, Users: &[]string{}})
}

// wander makes an agency's daily business until, with the way to the end, there are enough changes.
func (p *planner) wander(enough int, ends []endState) {
	for turn := 0; p.settled(ends) < enough; turn++ {
		n := strconv.Itoa(turn)
		c := p.agency.clients[p.roll(len(p.agency.clients), "client", n)]
		dice := p.roll(100, "kind", n)
		if len(p.set(c.id)) > 4 {
			dice = 20 // sets of many are taken apart again
		}
		switch {
		case dice < 18:
			p.link(c, n)
		case dice < 32:
			p.unlink(c, n)
		case dice < 68:
			p.changeUsers(c, n)
		case dice < 84:
			p.try(domain.UpdateDashboard{Primary: c.id, AllowClientDashboard: new(!p.facts.Dashboards[c.id].AllowClientDashboard)})
		default:
			p.changeScopes(c, n)
		}
	}
}

func (p *planner) link(c *client, n string) {
	other := p.agency.clients[p.roll(len(p.agency.clients), "link", n)]
	p.try(domain.UpdateDashboard{Primary: c.id, SubAccountIDs: &[]string{other.id}})
}

// unlink drops one of the linked accounts, or all of them.
func (p *planner) unlink(c *client, n string) {
	keep := []string{}
	if set := p.set(c.id); len(set) > 2 {
		gone := set[p.roll(len(set), "unlink", n)]
		keep = slices.DeleteFunc(slices.Clone(set), func(id string) bool { return id == gone })
	}
	p.try(domain.UpdateDashboard{Primary: c.id, Unlink: true, SubAccountIDs: &keep})
}

// changeUsers takes someone off the list or puts someone on it: the linked clients' people and staff.
func (p *planner) changeUsers(c *client, n string) {
	pool := []string{}
	for _, u := range p.agency.users() {
		if u.account == p.agency.id || slices.Contains(p.set(c.id), u.account) {
			pool = append(pool, u.id)
		}
	}
	who := pool[p.roll(len(pool), "user", n)]
	users := slices.Clone(p.facts.Dashboards[c.id].Users)
	if place := slices.Index(users, who); place >= 0 {
		users = slices.Delete(users, place, place+1)
	} else {
		users = append(users, who)
	}
	p.try(domain.UpdateDashboard{Primary: c.id, Users: &users})
}

func (p *planner) changeScopes(c *client, n string) {
	scopes := slices.Clone(p.facts.Dashboards[c.id].Scopes)
	pool := []string{"analytics", "posts", "reports", "calendar", "reports.export"}
	scope := pool[p.roll(len(pool), "scope", n)]
	if place := slices.Index(scopes, scope); place >= 0 {
		scopes = slices.Delete(scopes, place, place+1)
	} else {
		scopes = append(scopes, scope)
	}
	p.try(domain.UpdateDashboard{Primary: c.id, Scopes: &scopes})
}

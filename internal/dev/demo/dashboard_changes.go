package demo

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Change is one command on a dashboard: an opening or an update.
type Change struct {
	// Key is an idempotency key of the command's own, the same in every run.
	Key string
	// At is when the change is meant to have happened; before the anchor, and later than the change before it.
	At            time.Time
	ParentAccount string
	Actor         string                  // user id
	Role          string                  // of the actor
	SubAccount    string                  // the dashboard
	Update        *domain.UpdateDashboard // nil: an agency's first GET, which opens the dashboard
}

// Changes is the plan that makes the dashboards' state and history, in the order of time. Every change
// makes exactly one record on its agency's stream: the nth change of an agency is the stream's version
// n, and a run that was cut short goes on behind the head's version.
//
// In the end the first three clients of our agency are one linked set, the next two another; their
// people are on the lists, the dashboards are open to them with the scope analytics. Of the rest, one
// is open with analytics, one open without, one closed.
func (w *World) Changes() []Change { return slices.Clone(w.changes) }

func (w *World) planChanges() {
	for i, a := range w.agencies {
		p := newPlanner(w, a)
		p.open()
		if i == 0 {
			p.begin()
			p.wander(w.cfg.Changes, endStates(a))
		}
		p.settle(endStates(a))
		w.changes = append(w.changes, p.dated()...)
	}
	slices.SortStableFunc(w.changes, func(x, y Change) int { return x.At.Compare(y.At) })
}

// planner makes changes that domain accepts and that have an effect. It leaves the orders out: they do
// not change, so points of contact make no difference to what has an effect.
type planner struct {
	w       *World
	agency  *agency
	actors  []string
	facts   domain.DashboardFacts
	changes []Change
}

func newPlanner(w *World, a *agency) *planner {
	p := &planner{w: w, agency: a, facts: domain.DashboardFacts{
		ParentAccount: a.id, Dashboards: map[string]domain.Dashboard{}, Accounts: map[string]bool{},
		UserAccounts:  map[string]string{},
		DefaultScopes: DashboardScopes(),
	}}
	for _, u := range a.users() {
		p.facts.UserAccounts[u.id] = u.account
	}
	for i, u := range a.staff {
		if !u.plan.inactive && i != auditorOfStaff {
			p.actors = append(p.actors, u.id)
		}
	}
	for _, c := range a.clients {
		p.facts.Accounts[c.id] = true
	}
	return p
}

func (p *planner) fork() *planner {
	next := *p
	next.facts.Dashboards = maps.Clone(p.facts.Dashboards)
	next.changes = slices.Clone(p.changes)
	return &next
}

// open opens every dashboard, as the agency's first look at them does.
func (p *planner) open() {
	for _, c := range p.agency.clients {
		event, err := domain.OpenDashboard(p.facts, c.id)
		p.take(c.id, nil, event, err)
	}
}

// try plans an update if it is accepted and changes something.
func (p *planner) try(u domain.UpdateDashboard) {
	event, err := domain.DecideUpdate(p.facts, u)
	p.take(u.Primary, &u, event, err)
}

func (p *planner) take(subAccount string, u *domain.UpdateDashboard, event domain.DashboardEvent, refused error) {
	if refused != nil || event == nil {
		return
	}
	revisions, err := event.Change().Fold(p.agency.id, int64(len(p.changes)+1), time.Time{}, p.facts.Dashboards)
	if err != nil {
		return
	}
	for _, r := range revisions {
		p.facts.Dashboards[r.After.SubAccountID] = r.After
	}
	n := strconv.Itoa(len(p.changes))
	p.changes = append(p.changes, Change{
		Key: EventID("change", p.agency.id, n), ParentAccount: p.agency.id, Role: roleAgency,
		Actor: p.actors[p.roll(len(p.actors), "actor", n)], SubAccount: subAccount, Update: u,
	})
}

func (p *planner) roll(n int, parts ...string) int {
	return roll(p.w.cfg.Seed, n, append([]string{"change", p.agency.id}, parts...)...)
}

// dated spreads the changes over their days, one in each of as many equal spans.
func (p *planner) dated() []Change {
	span := time.Duration(p.w.cfg.ChangeDays) * day
	step := (span / time.Duration(len(p.changes))).Truncate(time.Second)
	begin := p.w.cfg.Anchor.Add(-span)
	for i := range p.changes {
		within := time.Duration(p.roll(max(1, int(step/time.Second)-1), "at", strconv.Itoa(i))) * time.Second
		p.changes[i].At = begin.Add(time.Duration(i)*step + within)
	}
	return p.changes
}

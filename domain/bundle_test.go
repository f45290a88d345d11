package domain_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The people and accounts of the tests.
const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	north  = "c10000000000000000000000"
	south  = "c20000000000000000000000"
	east   = "c30000000000000000000000"
	west   = "c40000000000000000000000"

	staff = "5a0000000000000000000000" // of the agency itself
	nina  = "d10000000000000000000000" // of north
	sam   = "d20000000000000000000000" // of south
	eva   = "d30000000000000000000000" // of east
	wes   = "d40000000000000000000000" // of west

	otherAgency  = "bbbbbbbbbbbbbbbbbbbbbbbb"
	otherAccount = "cb0000000000000000000000"
	otherUser    = "db0000000000000000000000"
	nobody       = "eeeeeeeeeeeeeeeeeeeeeeee" // in no directory

	pocNorth = "ee1000000000000000000000"
	pocSouth = "ee2000000000000000000000"
)

var day0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// world is one agency: its directory, and the dashboards that events have created.
type world struct {
	agency     string
	accounts   map[string]bool
	users      map[string]string
	poc        map[string][]string
	scopes     []string
	dashboards map[string]domain.Dashboard
	events     []domain.DashboardEvent
}

func newWorld() *world {
	return &world{
		agency:     agency,
		accounts:   map[string]bool{north: true, south: true, east: true, west: true},
		users:      map[string]string{staff: agency, nina: north, sam: south, eva: east, wes: west},
		poc:        map[string][]string{north: {pocNorth}, south: {pocSouth}},
		scopes:     []string{"analytics", "posts"},
		dashboards: map[string]domain.Dashboard{},
	}
}

// facts returns the facts that the read side would load for a decision.
func (w *world) facts(primary string, accounts, users []string) domain.DashboardFacts {
	f := domain.DashboardFacts{
		ParentAccount: w.agency, Dashboards: map[string]domain.Dashboard{}, Accounts: map[string]bool{},
		UserAccounts: map[string]string{}, OrderPOC: map[string][]string{},
		DefaultScopes: slices.Clone(w.scopes),
	}
	named := append([]string{primary}, accounts...)
	for _, id := range named {
		if w.accounts[id] {
			f.Accounts[id] = true
		}
		if d, ok := w.dashboards[id]; ok {
			for _, linked := range d.SubAccountIDs {
				f.Dashboards[linked] = clone(w.dashboards[linked])
			}
		}
	}
	listed := slices.Clone(users)
	for _, d := range f.Dashboards {
		listed = append(listed, d.Users...)
	}
	for _, user := range listed {
		if account, ok := w.users[user]; ok {
			f.UserAccounts[user] = account
		}
	}
	for _, id := range append(named, slices.Collect(maps.Keys(f.Dashboards))...) {
		if poc, ok := w.poc[id]; ok {
			f.OrderPOC[id] = slices.Clone(poc)
		}
	}
	return f
}

func (w *world) factsFor(c domain.UpdateDashboard) domain.DashboardFacts {
	return w.facts(c.Primary, idsOf(c.SubAccountIDs), idsOf(c.Users))
}

// idsOf returns the ids of a list in a body, none if it is absent.
func idsOf(list *[]string) []string {
	if list == nil {
		return nil
	}
	return *list
}

func clone(d domain.Dashboard) domain.Dashboard {
	d.SubAccountIDs, d.Users = slices.Clone(d.SubAccountIDs), slices.Clone(d.Users)
	d.MainPOC, d.Scopes = slices.Clone(d.MainPOC), slices.Clone(d.Scopes)
	return d
}

// decide decides a PUT on the world's facts.
func (w *world) decide(c domain.UpdateDashboard) (domain.DashboardEvent, error) {
	return domain.DecideUpdate(w.factsFor(c), c)
}

// fold applies an event as the next record; nil for none.
func (w *world) fold(t require.TestingT, event domain.DashboardEvent) []domain.DashboardRevision {
	if event == nil {
		return nil
	}
	w.events = append(w.events, event)
	version := int64(len(w.events))
	revisions, err := event.Change().Fold(w.agency, version, day0.Add(time.Duration(version)*time.Minute), w.dashboards)
	require.NoError(t, err)
	for _, r := range revisions {
		w.dashboards[r.After.SubAccountID] = r.After
	}
	return revisions
}

// given applies changes that must be accepted.
func (w *world) given(t require.TestingT, changes ...domain.UpdateDashboard) {
	for _, c := range changes {
		event, err := w.decide(c)
		require.NoError(t, err)
		w.fold(t, event)
	}
}

// change returns a PUT on an account; the options set the body.
func change(primary string, options ...func(*domain.UpdateDashboard)) domain.UpdateDashboard {
	c := domain.UpdateDashboard{Primary: primary}
	for _, o := range options {
		o(&c)
	}
	return c
}

func accounts(ids ...string) func(*domain.UpdateDashboard) {
	return func(c *domain.UpdateDashboard) { c.SubAccountIDs = list(ids) }
}

func users(ids ...string) func(*domain.UpdateDashboard) {
	return func(c *domain.UpdateDashboard) { c.Users = list(ids) }
}

func scopes(names ...string) func(*domain.UpdateDashboard) {
	return func(c *domain.UpdateDashboard) { c.Scopes = list(names) }
}

func allow(v bool) func(*domain.UpdateDashboard) {
	return func(c *domain.UpdateDashboard) { c.AllowClientDashboard = &v }
}

func unlink(c *domain.UpdateDashboard) { c.Unlink = true }

func ifMatch(versions ...int64) func(*domain.UpdateDashboard) {
	return func(c *domain.UpdateDashboard) { c.IfMatch = &domain.VersionMatch{Versions: versions} }
}

func ifMatchAny(c *domain.UpdateDashboard) { c.IfMatch = &domain.VersionMatch{Any: true} }

// list returns a pointer to the list, also if it is empty.
func list(ids []string) *[]string {
	present := append([]string{}, ids...)
	return &present
}

// doc is the expected content of a dashboard.
type doc struct {
	linked, users, poc, scopes []string
	allow                      bool
	version                    int64
}

// documents returns all dashboards of the world for comparison with a scenario.
func (w *world) documents() map[string]doc {
	docs := map[string]doc{}
	for id, d := range w.dashboards {
		docs[id] = doc{d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes, d.AllowClientDashboard, d.Version}
	}
	return docs
}

// scenario is one Given/When/Then.
type scenario struct {
	world func(*world)             // changes the directory before all
	given []domain.UpdateDashboard // accepted before
	when  domain.UpdateDashboard

	// The outcome: an event that makes these dashboards and these notices …
	event string // its type; "": no record, and nothing changes
	docs  map[string]doc
	lost  []string
	// … or a refusal.
	code   domain.Code
	fields []string
}

func run(t *testing.T, scenarios map[string]scenario) {
	t.Helper()
	for name, s := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

func (s scenario) run(t *testing.T) {
	t.Helper()
	w := newWorld()
	if s.world != nil {
		s.world(w)
	}
	w.given(t, s.given...)
	before := w.documents()
	event, err := w.decide(s.when)
	if s.code != "" {
		require.Nil(t, event)
		require.Equal(t, s.code, domain.CodeOf(err), "%v", err)
		require.Equal(t, s.fields, fieldsOf(err))
		return
	}
	require.NoError(t, err)
	if s.event == "" {
		require.Nil(t, event, "a change that changes nothing appends nothing")
		return
	}
	require.NotNil(t, event)
	require.Equal(t, s.event, event.EventType())
	w.fold(t, event)
	for id, d := range s.docs { // what a scenario does not speak of stays as it was
		if d.version == 0 {
			d.version = int64(len(w.events))
		}
		before[id] = d
	}
	require.Equal(t, before, w.documents())
	require.Equal(t, s.lost, event.Change().LostAccess)
}

func fieldsOf(err error) []string {
	var fields []string
	if e, ok := err.(*domain.Error); ok { //nolint:errorlint // decisions return the type itself
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

// The configured defaults that a new dashboard takes.
var defaultScopes = []string{"analytics", "posts"}

func pocOf(account string) []string {
	switch account {
	case north:
		return []string{pocNorth}
	case south:
		return []string{pocSouth}
	default:
		return []string{}
	}
}

// alone returns an unlinked dashboard with default settings.
func alone(account string, users ...string) doc {
	return linkedDoc(account, []string{account}, users...)
}

func linkedDoc(account string, set []string, users ...string) doc {
	return doc{linked: set, users: append([]string{}, users...), poc: pocOf(account), scopes: defaultScopes}
}

// same returns the documents of a linked set with one list of users.
func same(set []string, users ...string) map[string]doc {
	docs := map[string]doc{}
	for _, id := range set {
		docs[id] = linkedDoc(id, set, users...)
	}
	return docs
}

// with adds documents to those of a set.
func with(docs map[string]doc, others map[string]doc) map[string]doc {
	maps.Copy(docs, others)
	return docs
}

const (
	opened   = "dashboard.opened.v1"
	linked   = "dashboard.accounts_linked.v1"
	unlinked = "dashboard.accounts_unlinked.v1"
	usersSet = "dashboard.users_changed.v1"
	settings = "dashboard.settings_changed.v1"
)

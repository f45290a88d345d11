package domain_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

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

// alone is a dashboard linked with no other, with default settings.
func alone(account string, users ...string) doc {
	return linkedDoc(account, []string{account}, users...)
}

func linkedDoc(account string, set []string, users ...string) doc {
	return doc{linked: set, users: append([]string{}, users...), poc: pocOf(account), scopes: defaultScopes}
}

// same are the documents of a linked set: one list of users on each.
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

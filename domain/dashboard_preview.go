package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DashboardPreview is what a change would do: decided as the change itself, and appended nowhere.
type DashboardPreview struct {
	ParentAccount string
	EventType     string // of the record; "": nothing would change
	Head          int64  // version of the agency's stream on which it was decided
	Version       int64  // of the primary's dashboard, its ETag; 0: there is none yet
	Decision      string // names the decision, see [UpdateDashboard]; "": nothing would change
	Revisions     []DashboardRevision
	Access        []AccessChange
	LostAccess    []string // who would get a notice (rule 5)
}

// AccessChange is what a change does to what a user sees on dashboards that the user may open (rule 11). All lists are sorted, and all
// are empty for a user who keeps what it sees.
type AccessChange struct {
	User         string
	Gains, Loses []string // accounts
	// GainsScopes and LosesScopes are those of accounts that the user sees before and after: linking gives a dashboard the scopes of the
	// primary (rule 7).
	GainsScopes, LosesScopes []ScopeChange
}

// ScopeChange is a scope, and the accounts on which it is gained or lost.
type ScopeChange struct {
	Scope    string
	Accounts []string
}

// PreviewOf tells what an event would do to the facts that it was decided on; nil: nothing would change.
func PreviewOf(view FactsView, primary string, event DashboardEvent) (DashboardPreview, error) {
	f := view.Facts
	p := DashboardPreview{
		ParentAccount: f.ParentAccount, Head: view.Head.Version, Version: f.Dashboards[primary].Version,
	}
	var err error
	if event != nil {
		change := event.Change()
		p.EventType, p.LostAccess = event.EventType(), change.LostAccess
		if p.Decision, err = decision(event); err != nil {
			return p, err
		}
		if p.Revisions, err = change.Fold(f.ParentAccount, view.Head.Version+1, view.Head.Time, f.Dashboards); err != nil {
			return p, fmt.Errorf("fold previewed change: %w", err)
		}
	}
	p.Access = f.accessChanges(primary, p.Revisions)
	return p, nil
}

// decision is the hex SHA-256 of everything that an event would record: also of the dashboards that it was decided on.
func decision(event DashboardEvent) (string, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("name the decision: %w", err)
	}
	sum := sha256.Sum256(slices.Concat([]byte("ledgerboard decision v1\x00"+event.EventType()+"\x00"), payload))
	return hex.EncodeToString(sum[:]), nil
}

// accessChanges are those of everybody who sees something before or after on one of the dashboards that are changed, or on the primary's.
func (f DashboardFacts) accessChanges(primary string, revisions []DashboardRevision) []AccessChange {
	before, after := map[string]Dashboard{}, map[string]Dashboard{}
	if d, there := f.Dashboards[primary]; there {
		before[primary], after[primary] = d, d
	}
	for _, r := range revisions {
		after[r.After.SubAccountID] = r.After
		if r.Before != nil {
			before[r.After.SubAccountID] = *r.Before
		}
	}
	// Linked dashboards that the change leaves as they are show what they showed.
	for id, d := range f.Dashboards {
		if _, changed := after[id]; !changed && (slices.Contains(before[primary].SubAccountIDs, id) || slices.Contains(after[primary].SubAccountIDs, id)) {
			before[id], after[id] = d, d
		}
	}
	was, is := f.seen(before), f.seen(after)
	changes := []AccessChange{}
	for _, user := range set(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		c := AccessChange{User: user, Gains: []string{}, Loses: []string{}}
		if !maps.EqualFunc(was[user], is[user], func(Dashboard, Dashboard) bool { return true }) {
			c.compare(was[user], is[user])
		}
		changes = append(changes, c)
	}
	return changes
}

// views are the dashboards that a user may open. Those that show the same accounts and scopes, as linked ones do, are one.
type views map[string]Dashboard

// seen are the views of each user among some dashboards.
func (f DashboardFacts) seen(dashboards map[string]Dashboard) map[string]views {
	seen := map[string]views{}
	for _, d := range dashboards {
		if !d.AllowClientDashboard {
			continue
		}
		linked, key := among(d.SubAccountIDs), strings.Join(d.SubAccountIDs, " ")+"\n"+strings.Join(d.Scopes, " ")
		for _, user := range d.Users {
			if account, known := f.UserAccounts[user]; !known || !linked(account) {
				continue
			}
			if seen[user] == nil {
				seen[user] = views{}
			}
			seen[user][key] = d
		}
	}
	return seen
}

// accounts are those of all views, and those of the views with each scope.
func (v views) accounts() (all []string, byScope map[string][]string) {
	byScope = map[string][]string{}
	for _, d := range v {
		all = append(all, d.SubAccountIDs...)
		for _, scope := range d.Scopes {
			byScope[scope] = append(byScope[scope], d.SubAccountIDs...)
		}
	}
	return set(all), byScope
}

// compare notes what lies between the views of the user before and after.
func (c *AccessChange) compare(was, is views) {
	before, scopesBefore := was.accounts()
	after, scopesAfter := is.accounts()
	c.Gains, c.Loses = between(before, after)
	kept := func(accounts []string) []string { return without(without(accounts, among(c.Gains)), among(c.Loses)) }
	for _, scope := range set(slices.Collect(maps.Keys(scopesBefore)), slices.Collect(maps.Keys(scopesAfter))) {
		gains, loses := between(set(scopesBefore[scope]), set(scopesAfter[scope]))
		if gains = kept(gains); len(gains) > 0 {
			c.GainsScopes = append(c.GainsScopes, ScopeChange{scope, gains})
		}
		if loses = kept(loses); len(loses) > 0 {
			c.LosesScopes = append(c.LosesScopes, ScopeChange{scope, loses})
		}
	}
}

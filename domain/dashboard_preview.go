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

// DashboardPreview is the effect that a change would have.
type DashboardPreview struct {
	ParentAccount string
	EventType     string // of the record; "" if nothing would change
	Head          int64  // version of the agency's stream that the decision is based on
	Version       int64  // of the primary's dashboard, its ETag; 0 if it does not exist yet
	Decision      string // identifies the decision for [UpdateDashboard]; "" if nothing would change
	Revisions     []DashboardRevision
	Access        []AccessChange
	LostAccess    []string // who would get a notice (rule 5)
}

// AccessChange is the effect of a change on what a user sees on the dashboards that the user can
// open (rule 11). All lists are sorted. If the change has no effect on the user, all are empty.
type AccessChange struct {
	User         string
	Gains, Loses []string // accounts
	// GainsScopes and LosesScopes concern accounts that the user sees before and after the change:
	// linking gives a dashboard the scopes of the primary (rule 7).
	GainsScopes, LosesScopes []ScopeChange
}

// ScopeChange is a scope, and the accounts on which it is gained or lost.
type ScopeChange struct {
	Scope    string
	Accounts []string
}

// PreviewOf returns the effect of an event on the facts from which it was decided. event is nil if
// nothing would change.
func PreviewOf(view FactsView, primary string, event DashboardEvent) (DashboardPreview, error) {
	f := view.Facts
	p := DashboardPreview{
		ParentAccount: f.ParentAccount, Head: view.Head.Version, Version: f.Dashboards[primary].Version,
	}
	var err error
	if event != nil {
		change := event.Change()
		p.EventType, p.LostAccess = event.EventType(), change.LostAccess
		if p.Decision, err = f.decision(event); err != nil {
			return p, err
		}
		p.Revisions, err = change.Fold(f.ParentAccount, view.Head.Version+1, view.Head.Time, f.Dashboards)
		if err != nil {
			return p, fmt.Errorf("fold previewed change: %w", err)
		}
	}
	p.Access = f.accessChanges(primary, p.Revisions)
	return p, nil
}

// After returns a dashboard after a record that was decided on these facts.
func (d DashboardFacts) After(record Draft, id string) (Dashboard, error) {
	after := d.Dashboards[id]
	event, ok := record.Data.(DashboardEvent)
	if !ok {
		return after, nil
	}
	revisions, err := event.Change().Fold(d.ParentAccount, record.Envelope.Chain.Version, record.Envelope.Time, d.Dashboards)
	if err != nil {
		return after, fmt.Errorf("fold own change: %w", err)
	}
	for _, r := range revisions {
		if r.After.SubAccountID == id {
			after = r.After
		}
	}
	return after, nil
}

// decision returns the hex SHA-256 of everything that an event would record, and of the versions of
// the dashboards that it affects: what people gain and lose also depends on the state before. The
// result is "" if event is nil.
func (d DashboardFacts) decision(event DashboardEvent) (string, error) {
	if event == nil {
		return "", nil
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("hash the decision: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "ledgerboard decision v1\x00%s\x00%s", event.EventType(), payload)
	for _, id := range asSet(event.Change().AffectedAccounts()) {
		fmt.Fprintf(hash, "\x00%s %d", id, d.Dashboards[id].Version)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// accessChanges covers each user who sees a changed dashboard, or the primary's, before or after.
func (d DashboardFacts) accessChanges(primary string, revisions []DashboardRevision) []AccessChange {
	before, after := map[string]Dashboard{}, map[string]Dashboard{}
	if board, exists := d.Dashboards[primary]; exists {
		before[primary], after[primary] = board, board
	}
	for _, r := range revisions {
		after[r.After.SubAccountID] = r.After
		if r.Before != nil {
			before[r.After.SubAccountID] = *r.Before
		}
	}
	// Linked dashboards that the change does not affect show the same before and after.
	for id, board := range d.Dashboards {
		linked := slices.Contains(before[primary].SubAccountIDs, id) ||
			slices.Contains(after[primary].SubAccountIDs, id)
		if _, changed := after[id]; !changed && linked {
			before[id], after[id] = board, board
		}
	}
	viewsBefore, viewsAfter := d.viewsByUser(before), d.viewsByUser(after)
	changes := []AccessChange{}
	for _, user := range set(slices.Collect(maps.Keys(viewsBefore)), slices.Collect(maps.Keys(viewsAfter))) {
		c := AccessChange{User: user, Gains: []string{}, Loses: []string{}}
		if !maps.EqualFunc(viewsBefore[user], viewsAfter[user], func(Dashboard, Dashboard) bool { return true }) {
			c.compare(viewsBefore[user], viewsAfter[user])
		}
		changes = append(changes, c)
	}
	return changes
}

// views holds the dashboards that a user can open. Dashboards with the same accounts and scopes,
// such as linked ones, are one view.
type views map[string]Dashboard

func (d DashboardFacts) viewsByUser(dashboards map[string]Dashboard) map[string]views {
	byUser := map[string]views{}
	for _, board := range dashboards {
		key := strings.Join(board.SubAccountIDs, " ") + "\n" + strings.Join(board.Scopes, " ")
		for _, user := range board.Users {
			if !board.OpensFor(user, d.UserAccounts[user]) {
				continue
			}
			if byUser[user] == nil {
				byUser[user] = views{}
			}
			byUser[user][key] = board
		}
	}
	return byUser
}

// accounts returns the accounts of all views, and the accounts of the views with each scope.
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

func (a *AccessChange) compare(viewsBefore, viewsAfter views) {
	before, scopesBefore := viewsBefore.accounts()
	after, scopesAfter := viewsAfter.accounts()
	a.Gains, a.Loses = listDiff(before, after)
	kept := func(accounts []string) []string {
		return removeIDs(removeIDs(accounts, inList(a.Gains)), inList(a.Loses))
	}
	for _, scope := range set(slices.Collect(maps.Keys(scopesBefore)), slices.Collect(maps.Keys(scopesAfter))) {
		gains, loses := listDiff(set(scopesBefore[scope]), set(scopesAfter[scope]))
		if gains = kept(gains); len(gains) > 0 {
			a.GainsScopes = append(a.GainsScopes, ScopeChange{scope, gains})
		}
		if loses = kept(loses); len(loses) > 0 {
			a.LosesScopes = append(a.LosesScopes, ScopeChange{scope, loses})
		}
	}
}

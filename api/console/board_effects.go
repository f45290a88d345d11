package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// scopeConnect is the scope that lets people connect pages and profiles of their own client.
const scopeConnect = "connect"

var scopeWords = []choice{
	{ID: "analytics", Name: "Figures", Note: "followers, engagement, views and posts"},
	{ID: scopeConnect, Name: "Connecting", Note: "people on the list can connect their own pages and profiles"},
	{ID: "posts", Name: "Posts", Note: "for your main application"},
	{ID: "reports", Name: "Reports", Note: "for your main application"},
}

func scopeChoices(checked, board []string) (all []choice) {
	all = slices.Clone(scopeWords)
	for _, id := range slices.Concat(board, checked) {
		if !slices.ContainsFunc(all, func(c choice) bool { return c.ID == id }) {
			all = append(all, choice{
				ID: id, Name: scopeNames([]string{id})[0],
				Note: "for your main application; if you remove it, only your main application can add it again",
			})
		}
	}
	for i := range all {
		all[i].Checked = slices.Contains(checked, all[i].ID)
	}
	return all
}

func scopeNames(ids []string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = capital(plain(id))
		if at := slices.IndexFunc(scopeWords, func(c choice) bool { return c.ID == id }); at >= 0 {
			all[i] = scopeWords[at].Name
		}
	}
	return all
}

func scopeDoes(id string) string {
	if id == scopeConnect {
		return "connect pages and profiles of their own business"
	}
	return "see " + scopeNames([]string{id})[0]
}

// effects are a change's effects on people. LosesScopes and GainsScopes contain only people who
// keep access.
type effects struct {
	Done                     bool   // the change was saved; false: a preview
	Where                    string // limits the statements, such as " on these boards"; "": no limit
	Loses, Gains             []effect
	LosesScopes, GainsScopes []scopeEffect
	Keeps                    []history.Named // people whose access does not change; only in previews
	CannotOpen               []history.Named // people on the list who are not counted; only in records
}

type effect struct {
	User   history.Named
	Boards []history.Named
}

type scopeEffect struct {
	Does   string
	People []effect
}

func (e effects) Harms() bool { return len(e.Loses)+len(e.LosesScopes) > 0 }

// effectsOfPreview sorts people by name; the API sorts them by id.
func effectsOfPreview(access []history.PreviewedAccess) (e effects) {
	gained, lost := scopePeople{}, scopePeople{}
	byUser := func(a, b history.PreviewedAccess) int { return byName(a.User, b.User) }
	for _, a := range slices.SortedStableFunc(slices.Values(access), byUser) {
		if len(a.Loses) > 0 {
			e.Loses = append(e.Loses, effect{a.User, a.Loses})
		}
		if len(a.Gains) > 0 {
			e.Gains = append(e.Gains, effect{a.User, a.Gains})
		}
		for _, s := range a.LosesScopes {
			lost.note(s.Scope, a.User, s.Accounts...)
		}
		for _, s := range a.GainsScopes {
			gained.note(s.Scope, a.User, s.Accounts...)
		}
		if len(a.Loses)+len(a.Gains)+len(a.LosesScopes)+len(a.GainsScopes) == 0 {
			e.Keeps = append(e.Keeps, a.User)
		}
	}
	e.LosesScopes, e.GainsScopes = lost.effects(), gained.effects()
	return e
}

// effectsOfRecord returns the effects of one record. Entries has one entry for each changed board.
func effectsOfRecord(entries []history.HistoryEntry) effects {
	const access = "" // key for access itself: no scope has this name
	gained, lost := scopePeople{}, scopePeople{}
	var cannotOpen []history.Named
	for _, entry := range entries {
		cannotOpen = append(cannotOpen, entry.Access.CannotOpen...)
		able := func(users []history.Named) []history.Named {
			return slices.DeleteFunc(slices.Clone(users), func(u history.Named) bool {
				isUser := func(i history.Named) bool { return i.ID == u.ID }
				return slices.ContainsFunc(entry.Access.CannotOpen, isUser)
			})
		}
		for _, user := range able(entry.Access.Lost) {
			lost.note(access, user, *entry.Dashboard)
		}
		for _, user := range able(entry.Access.Gained) {
			gained.note(access, user, *entry.Dashboard)
		}
		for _, user := range able(entry.Access.ScopesChanged) {
			for _, scope := range entry.Changes.ScopesRemoved {
				lost.note(scope, user, *entry.Dashboard)
			}
			for _, scope := range entry.Changes.ScopesAdded {
				gained.note(scope, user, *entry.Dashboard)
			}
		}
	}
	e := effects{Done: true, Loses: lost[access], Gains: gained[access], CannotOpen: distinct(cannotOpen)}
	delete(lost, access)
	delete(gained, access)
	e.LosesScopes, e.GainsScopes = lost.effects(), gained.effects()
	return e
}

type scopePeople map[string][]effect

func (s scopePeople) note(scope string, user history.Named, boards ...history.Named) {
	people := s[scope]
	at, known := slices.BinarySearchFunc(people, user, func(e effect, u history.Named) int {
		return byName(e.User, u)
	})
	if !known {
		people = slices.Insert(people, at, effect{User: user})
	}
	if scope != scopeConnect { // connecting does not depend on a board
		people[at].Boards = append(people[at].Boards, boards...)
	}
	s[scope] = people
}

func (s scopePeople) effects() (all []scopeEffect) {
	for _, scope := range slices.Sorted(maps.Keys(s)) {
		all = append(all, scopeEffect{scopeDoes(scope), s[scope]})
	}
	return all
}

// effectsOfSaved returns the effects of the record that changed a board at an instant, or nil if
// they are unknown.
func effectsOfSaved(v *visit, at time.Time) *effects {
	read, err := ask(v, api.GetAuditHistory, url.Values{
		"from": {rfc3339(at)}, "to": {rfc3339(at.Add(time.Microsecond))},
		"limit": {strconv.Itoa(mostEntries)},
	})
	if err != nil {
		return nil
	}
	return new(effectsOfRecord(read.Data))
}

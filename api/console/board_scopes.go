package console

import (
	"slices"
)

// The scopes that mean something here, and what.
var scopeWords = []choice{
	{ID: "analytics", Name: "Figures", Note: "followers, engagement, views and the posts behind them"},
	{ID: "connect", Name: "Connecting", Note: "its people may connect their own pages and profiles"},
	{ID: "posts", Name: "Posts", Note: "for your main application"},
	{ID: "reports", Name: "Reports", Note: "for your main application"},
}

// scopeChoices are the known scopes, and those that the board has.
func scopeChoices(edit picks) (all []choice) {
	all = slices.Clone(scopeWords)
	for _, id := range slices.Concat(edit.Was, edit.Now) {
		if !slices.ContainsFunc(all, func(c choice) bool { return c.ID == id }) {
			all = append(all, choice{ID: id, Name: id, Note: "for your main application"})
		}
	}
	for i := range all {
		all[i].Was, all[i].Now = slices.Contains(edit.Was, all[i].ID), slices.Contains(edit.Now, all[i].ID)
	}
	return all
}

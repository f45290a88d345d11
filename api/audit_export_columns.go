package api

import "github.com/ledgerboard/ledgerboard/readmodels"

// spanColumns is the header row of access as CSV. Of each record there is who made it when and what it is; scopes are those
// of the time that was asked for, separated by spaces.
var spanColumns = []string{
	"dashboard_id", "dashboard_name", "user_id", "user_name", "from", "to", "role_today", "active_today", "scopes",
	"began_version", "began_type", "began_actor_id", "began_actor_name", "began_request_id", "began_hash",
	"ended_version", "ended_type", "ended_actor_id", "ended_actor_name", "ended_request_id", "ended_hash",
	"listed_version", "listed_time", "listed_type", "listed_actor_id", "listed_actor_name",
	"allowed_version", "allowed_time", "allowed_type", "allowed_actor_id", "allowed_actor_name",
}

// exportColumns is the header row. Lists stand in one cell, ids separated by spaces; before and after are
// the whole documents as JSON.
var exportColumns = []string{
	"version", "time", "type", "dashboard_id", "dashboard_name", "actor_id", "actor_name", "role", "on_behalf_of",
	"command_id", "request_id", "event_id", "hash", "created", "accounts_linked", "accounts_unlinked",
	"users_added", "users_removed", "scopes_added", "scopes_removed", "main_poc_added", "main_poc_removed",
	"allow_client_dashboard", "access_gained", "access_lost", "scopes_changed_for", "before", "after",
}

func historyCells(entry readmodels.HistoryEntry) []any {
	var onBehalfOf string
	if entry.OnBehalfOf != nil {
		onBehalfOf = entry.OnBehalfOf.ID
	}
	c := entry.Changes
	var allow *bool
	if c.AllowClientDashboard != nil {
		allow = &c.AllowClientDashboard.After
	}
	return []any{
		entry.Version, entry.Time, entry.Type, entry.Dashboard.ID, entry.Dashboard.Name, entry.Actor.ID, entry.Actor.Name, entry.Role, onBehalfOf,
		entry.CommandID, entry.RequestID, entry.EventID, entry.Hash, c.Created, idsOf(c.AccountsLinked), idsOf(c.AccountsUnlinked),
		idsOf(c.UsersAdded), idsOf(c.UsersRemoved), c.ScopesAdded, c.ScopesRemoved, idsOf(c.MainPOCAdded), idsOf(c.MainPOCRemoved),
		allow, idsOf(entry.Access.Gained), idsOf(entry.Access.Lost), idsOf(entry.Access.ScopesChanged), entry.Before, entry.After,
	}
}

func spanCells(s readmodels.AccessSpan) []any {
	role := ""
	if s.Role != nil {
		role = s.Role.Role
	}
	scopes := make([]string, len(s.Scopes))
	for i, scope := range s.Scopes {
		scopes[i] = scope.Scope
	}
	edge := func(r *readmodels.Record) []any {
		if r == nil {
			return []any{"", "", "", "", "", ""}
		}
		return []any{r.Version, r.Type, r.Actor.ID, r.Actor.Name, r.RequestID, r.Hash}
	}
	cells := []any{s.Dashboard.ID, s.Dashboard.Name, s.User.ID, s.User.Name, s.From, s.To, role, s.ActiveToday, scopes}
	cells = append(append(cells, edge(&s.BeganBy)...), edge(s.EndedBy)...)
	for _, r := range []readmodels.Record{s.ListedBy, s.AllowedBy} {
		cells = append(cells, r.Version, r.Time, r.Type, r.Actor.ID, r.Actor.Name)
	}
	return cells
}

func idsOf(list []readmodels.Named) []string {
	ids := make([]string, len(list))
	for i, n := range list {
		ids[i] = n.ID
	}
	return ids
}

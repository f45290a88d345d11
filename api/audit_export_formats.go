package api

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/csvtable"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// exportWriter writes entries in one format, and a last line that says whether they are all.
type exportWriter[E any] interface {
	entry(e E) error
	end(t exportTrailer) error
}

func newExportWriter[E any](e export[E], out *bufio.Writer) exportWriter[E] {
	if e.format == "csv" {
		return csvExport[E]{csvtable.New(out, e.columns), e.cells}
	}
	return jsonLines[E]{json.NewEncoder(out), out}
}

// jsonLines writes one JSON object a line: the entries as pages of JSON show them, then the trailer.
type jsonLines[E any] struct {
	lines *json.Encoder
	out   *bufio.Writer
}

func (e jsonLines[E]) entry(entry E) error { return e.lines.Encode(entry) }

func (e jsonLines[E]) end(t exportTrailer) error {
	if err := e.lines.Encode(t); err != nil {
		return err
	}
	return e.out.Flush()
}

// exportColumns is the header row. Lists stand in one cell, ids separated by spaces; before and after are
// the whole documents as JSON.
var exportColumns = []string{
	"version", "time", "type", "dashboard_id", "dashboard_name", "actor_id", "actor_name", "role", "on_behalf_of",
	"command_id", "request_id", "event_id", "hash", "created", "accounts_linked", "accounts_unlinked",
	"users_added", "users_removed", "scopes_added", "scopes_removed", "main_poc_added", "main_poc_removed",
	"allow_client_dashboard", "before", "after",
}

// csvExport writes the entries as a table. Its last row is a comment: "# complete=true entries=…".
type csvExport[E any] struct {
	*csvtable.Writer

	cells func(E) []any
}

func (e csvExport[E]) entry(entry E) error { return e.Values(e.cells(entry)...) }

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
		allow, entry.Before, entry.After,
	}
}

func (e csvExport[E]) end(t exportTrailer) error {
	text := fmt.Sprintf("complete=%t entries=%d as_of_version=%d names_proven=%t", t.Complete, t.Entries, t.AsOf.Version, t.NamesProven)
	if t.NextCursor != "" {
		text += " next_cursor=" + t.NextCursor
	}
	if t.Reason != "" {
		text += " reason=" + t.Reason
	}
	if err := e.Comment(text); err != nil {
		return err
	}
	return e.Flush()
}

func idsOf(list []readmodels.Named) []string {
	ids := make([]string, len(list))
	for i, n := range list {
		ids[i] = n.ID
	}
	return ids
}

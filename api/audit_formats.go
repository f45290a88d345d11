package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// jsonlExport writes one JSON object a line: the entries as GET …/history shows them, then the trailer.
type jsonlExport struct{ out *bufio.Writer }

func (e *jsonlExport) header() error { return nil }

func (e *jsonlExport) entry(entry readmodels.HistoryEntry) error { return e.line(entry) }

func (e *jsonlExport) end(t exportTrailer) error {
	if err := e.line(t); err != nil {
		return err
	}
	return e.out.Flush()
}

func (e *jsonlExport) line(value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode line of export: %w", err)
	}
	_, err = e.out.Write(append(raw, '\n'))
	return err
}

// csvColumns is the header row. Lists stand in one cell, ids separated by spaces; before and after are
// the whole documents as JSON.
var csvColumns = []string{
	"version", "time", "type", "dashboard_id", "dashboard_name", "actor_id", "actor_name", "role", "on_behalf_of",
	"command_id", "request_id", "event_id", "hash", "created", "accounts_linked", "accounts_unlinked",
	"users_added", "users_removed", "scopes_added", "scopes_removed", "main_poc_added", "main_poc_removed",
	"allow_client_dashboard", "before", "after",
}

// csvExport writes CSV (RFC 4180, with LF at the ends of rows: Go's writer with CRLF drops a CR inside a
// cell, and an export changes nothing). Its last row is a comment: "# complete=true entries=…" in the first
// cell and nothing in the others, so that readers who insist on equal rows still read it.
type csvExport struct {
	out  *bufio.Writer
	rows *csv.Writer
}

func newCSVExport(out *bufio.Writer) *csvExport {
	return &csvExport{out, csv.NewWriter(out)}
}

func (e *csvExport) header() error { return e.rows.Write(csvColumns) }

func (e *csvExport) entry(entry readmodels.HistoryEntry) error {
	onBehalfOf, flag, c := "", "", entry.Changes
	if entry.OnBehalfOf != nil {
		onBehalfOf = entry.OnBehalfOf.ID
	}
	if c.AllowClientDashboard != nil {
		flag = strconv.FormatBool(c.AllowClientDashboard.After)
	}
	before, err := documentOf(entry.Before)
	if err != nil {
		return err
	}
	after, err := documentOf(&entry.After)
	if err != nil {
		return err
	}
	row := []string{
		strconv.FormatInt(entry.Version, 10), entry.Time.UTC().Format(time.RFC3339Nano), entry.Type,
		entry.Dashboard.ID, nameOf(entry.Dashboard), entry.Actor.ID, nameOf(entry.Actor), entry.Role, onBehalfOf,
		entry.CommandID, entry.RequestID, entry.EventID, entry.Hash, strconv.FormatBool(c.Created),
		idsOf(c.AccountsLinked), idsOf(c.AccountsUnlinked), idsOf(c.UsersAdded), idsOf(c.UsersRemoved),
		strings.Join(c.ScopesAdded, " "), strings.Join(c.ScopesRemoved, " "), idsOf(c.MainPOCAdded), idsOf(c.MainPOCRemoved),
		flag, before, after,
	}
	return e.write(row)
}

func (e *csvExport) end(t exportTrailer) error {
	text := fmt.Sprintf("# complete=%t entries=%d as_of_version=%d", t.Complete, t.Entries, t.AsOf.Version)
	if t.NextCursor != "" {
		text += " next_cursor=" + t.NextCursor
	}
	if t.Reason != "" {
		text += " reason=" + t.Reason
	}
	row := make([]string, len(csvColumns))
	row[0] = text
	if err := e.write(row); err != nil {
		return err
	}
	e.rows.Flush()
	if err := e.rows.Error(); err != nil {
		return err
	}
	return e.out.Flush()
}

func (e *csvExport) write(row []string) error {
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return e.rows.Write(row)
}

// harmless keeps spreadsheets from taking a cell for a formula: names and request ids are what people
// call themselves and send.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// documentOf is a document as JSON; "" when there is none.
func documentOf(state *readmodels.DashboardState) (string, error) {
	if state == nil {
		return "", nil
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("encode cell of export: %w", err)
	}
	return string(raw), nil
}

func nameOf(n readmodels.Named) string {
	if n.Name == nil {
		return ""
	}
	return *n.Name
}

func idsOf(list []readmodels.Named) string {
	ids := make([]string, len(list))
	for i, n := range list {
		ids[i] = n.ID
	}
	return strings.Join(ids, " ")
}

package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// replayPrinter writes changes as they come, so that a long history takes no memory.
type replayPrinter struct {
	format string
	out    *bufio.Writer
	csv    *csv.Writer
	began  bool
}

func newReplayPrinter(format string, out io.Writer) *replayPrinter {
	buffered := bufio.NewWriter(out)
	return &replayPrinter{format: format, out: buffered, csv: csv.NewWriter(buffered)}
}

func (p *replayPrinter) flush() error {
	p.csv.Flush()
	return named("print", cmp.Or(p.csv.Error(), p.out.Flush()))
}

var changeColumns = []string{
	"version", "time", "actor", "role", "on_behalf_of", "event", "dashboard", "created", "linked", "unlinked",
	"users_added", "users_removed", "lost_access", "allow_client_dashboard", "scopes", "main_poc", "command_id", "request_id", "hash", "problem",
}

func (p *replayPrinter) change(c proof.Change) error {
	first := !p.began
	p.began = true
	switch p.format {
	case "json":
		return json.NewEncoder(p.out).Encode(c)
	case "csv":
		if first {
			if err := p.csv.Write(changeColumns); err != nil {
				return err
			}
		}
		allow := ""
		if c.Allow != nil {
			allow = strconv.FormatBool(*c.Allow)
		}
		return p.row(
			strconv.FormatInt(c.Version, 10), c.Time.Format(time.RFC3339Nano), c.Actor, c.Role, c.OnBehalfOf, c.Event, c.Dashboard,
			strconv.FormatBool(c.Created), cell(c.Linked), cell(c.Unlinked), cell(c.UsersAdded), cell(c.UsersRemoved), cell(c.LostAccess),
			allow, cell(c.Scopes), cell(c.MainPOC), c.CommandID, c.RequestID, c.Hash, c.Problem)
	default:
		if first {
			fmt.Fprintf(p.out, "%7s  %-23s  %-24s  %-24s  %-24s  %s\n", "VERSION", "TIME (UTC)", "ACTOR", "EVENT", "DASHBOARD", "CHANGE")
		}
		_, err := fmt.Fprintf(p.out, "%7d  %-23s  %-24s  %-24s  %-24s  %s\n",
			c.Version, c.Time.UTC().Format("2006-01-02 15:04:05.000"), plain(cmp.Or(c.Actor, "-")),
			plain(strings.TrimPrefix(c.Event, "dashboard.")), plain(cmp.Or(c.Dashboard, "-")), plain(inWords(c)))
		return err
	}
}

// row writes cells that a spreadsheet takes for text: one that could begin a formula gets an apostrophe.
func (p *replayPrinter) row(cells ...string) error {
	for i, text := range cells {
		if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
			cells[i] = "'" + text
		}
	}
	return p.csv.Write(cells)
}

func cell(list []string) string { return strings.Join(list, " ") }

// plain keeps what a record holds from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

// inWords says what a change did, in one line.
func inWords(c proof.Change) string {
	if c.Problem != "" {
		return "CANNOT BE READ: " + c.Problem
	}
	var parts []string
	add := func(what string, list []string) {
		if len(list) > 0 {
			parts = append(parts, what+" "+strings.Join(list, ","))
		}
	}
	if c.Created {
		parts = append(parts, "created")
	}
	add("linked", c.Linked)
	add("unlinked", c.Unlinked)
	add("users added", c.UsersAdded)
	add("users removed", c.UsersRemoved)
	if c.Allow != nil {
		parts = append(parts, fmt.Sprintf("allowed=%t", *c.Allow))
	}
	add("scopes", c.Scopes)
	add("poc", c.MainPOC)
	if c.OnBehalfOf != "" {
		parts = append(parts, "on behalf of "+c.OnBehalfOf)
	}
	return strings.Join(parts, "; ")
}

var stateColumns = []string{"dashboard", "document_id", "linked", "users", "main_poc", "allow_client_dashboard", "scopes", "created_at", "updated_at", "version"}

// state prints every dashboard after the last change.
func (p *replayPrinter) state(done proof.Replayed) error {
	if p.format == "json" {
		return json.NewEncoder(p.out).Encode(done)
	}
	if p.format == "csv" {
		if err := p.csv.Write(stateColumns); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(p.out, "State after version %d (%s):\n", done.Version, done.Time.Format(time.RFC3339Nano))
	}
	for _, d := range done.State {
		if err := p.dashboard(d); err != nil {
			return err
		}
	}
	return nil
}

func (p *replayPrinter) dashboard(d domain.Dashboard) error {
	if p.format == "csv" {
		return p.row(d.SubAccountID, d.ID, cell(d.SubAccountIDs), cell(d.Users), cell(d.MainPOC), strconv.FormatBool(d.AllowClientDashboard),
			cell(d.Scopes), d.CreatedAt.Format(time.RFC3339Nano), d.UpdatedAt.Format(time.RFC3339Nano), strconv.FormatInt(d.Version, 10))
	}
	_, err := fmt.Fprintf(p.out, "%s  changed by version %d on %s\n  linked   %s\n  users    %s\n  poc      %s\n  allowed  %t\n  scopes   %s\n",
		d.SubAccountID, d.Version, d.UpdatedAt.Format(time.RFC3339), plain(cmp.Or(cell(d.SubAccountIDs), "-")), plain(cmp.Or(cell(d.Users), "-")),
		plain(cmp.Or(cell(d.MainPOC), "-")), d.AllowClientDashboard, plain(cmp.Or(cell(d.Scopes), "-")))
	return err
}

package main

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/csvtable"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// replayPrinter writes changes as they come, so that a long history takes no memory.
type replayPrinter struct {
	format string
	out    *bufio.Writer
	csv    *csvtable.Writer // nil until the first table begins
	began  bool
}

func newReplayPrinter(format string, out io.Writer) *replayPrinter {
	return &replayPrinter{format: format, out: bufio.NewWriterSize(out, 64<<10)}
}

func (p *replayPrinter) flush() error {
	var err error
	if p.csv != nil {
		err = p.csv.Flush()
	}
	return named("print", cmp.Or(err, p.out.Flush()))
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
			p.csv = csvtable.New(p.out, changeColumns)
		}
		return p.csv.Values(
			c.Version, c.Time, c.Actor, c.Role, c.OnBehalfOf, c.Event, c.Dashboard, c.Created, c.Linked, c.Unlinked,
			c.UsersAdded, c.UsersRemoved, c.LostAccess, c.Allow, c.Scopes, c.MainPOC, c.CommandID, c.RequestID, c.Hash, c.Problem)
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

var headColumns = []string{"version", "hash"}

// head prints a record's version and hash.
func (p *replayPrinter) head(h domain.StreamHead) error {
	first := !p.began
	p.began = true
	hash := hex.EncodeToString(h.Hash[:])
	switch p.format {
	case "json":
		_, err := fmt.Fprintf(p.out, "{\"version\":%d,\"hash\":%q}\n", h.Version, hash)
		return err
	case "csv":
		if first {
			p.csv = csvtable.New(p.out, headColumns)
		}
		return p.csv.Values(h.Version, hash)
	default:
		if first {
			fmt.Fprintf(p.out, "%7s  %s\n", "VERSION", "HASH")
		}
		_, err := fmt.Fprintf(p.out, "%7d  %s\n", h.Version, hash)
		return err
	}
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

var stateColumns = []string{
	"dashboard", "document_id", "linked", "users", "main_poc", "allow_client_dashboard", "scopes", "created_at", "updated_at", "version",
}

// state prints every dashboard after the last change.
func (p *replayPrinter) state(done proof.Replayed) error {
	if p.format == "json" {
		return json.NewEncoder(p.out).Encode(done)
	}
	if p.format == "csv" {
		p.csv = csvtable.New(p.out, stateColumns)
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
		return p.csv.Values(d.SubAccountID, d.ID, d.SubAccountIDs, d.Users, d.MainPOC, d.AllowClientDashboard,
			d.Scopes, d.CreatedAt, d.UpdatedAt, d.Version)
	}
	_, err := fmt.Fprintf(p.out, "%s  changed by version %d on %s\n  linked   %s\n  users    %s\n  poc      %s\n  allowed  %t\n  scopes   %s\n",
		d.SubAccountID, d.Version, d.UpdatedAt.Format(time.RFC3339), plain(cmp.Or(cell(d.SubAccountIDs), "-")), plain(cmp.Or(cell(d.Users), "-")),
		plain(cmp.Or(cell(d.MainPOC), "-")), d.AllowClientDashboard, plain(cmp.Or(cell(d.Scopes), "-")))
	return err
}

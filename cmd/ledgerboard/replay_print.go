package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// replayPrinter writes changes as they come, so that a long history takes no memory.
type replayPrinter struct {
	json  bool
	out   *bufio.Writer
	began bool
}

func newReplayPrinter(json bool, out io.Writer) *replayPrinter {
	return &replayPrinter{json: json, out: bufio.NewWriterSize(out, 64<<10)}
}

func (p *replayPrinter) flush() error { return named("print", p.out.Flush()) }

func (p *replayPrinter) change(c proof.Change) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(c)
	}
	if !p.began {
		p.began = true
		fmt.Fprintf(p.out, "%7s  %-23s  %-24s  %-24s  %-24s  %s\n", "VERSION", "TIME (UTC)", "ACTOR", "EVENT", "DASHBOARD", "CHANGE")
	}
	_, err := fmt.Fprintf(p.out, "%7d  %-23s  %-24s  %-24s  %-24s  %s\n",
		c.Version, c.Time.UTC().Format("2006-01-02 15:04:05.000"), plain(cmp.Or(c.Actor, "-")),
		plain(strings.TrimPrefix(c.Event, "dashboard.")), plain(cmp.Or(c.Dashboard, "-")), plain(inWords(c)))
	return err
}

func cell(list []string) string { return plain(cmp.Or(strings.Join(list, " "), "-")) }

// plain keeps what a record holds from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

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

func (p *replayPrinter) state(done proof.Replayed) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(done)
	}
	fmt.Fprintf(p.out, "State after version %d (%s):\n", done.Version, done.Time.Format(time.RFC3339Nano))
	for _, d := range done.State {
		fmt.Fprintf(p.out, "%s  changed by version %d on %s\n  linked   %s\n  users    %s\n  poc      %s\n  allowed  %t\n  scopes   %s\n",
			d.SubAccountID, d.Version, d.UpdatedAt.Format(time.RFC3339), cell(d.SubAccountIDs), cell(d.Users), cell(d.MainPOC),
			d.AllowClientDashboard, cell(d.Scopes))
	}
	return nil
}

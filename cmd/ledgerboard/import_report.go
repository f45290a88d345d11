package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

type importReport struct {
	DryRun   bool         `json:"dry_run"`
	Imported importCounts `json:"imported"` // with DryRun: what would be imported
	// Unchanged counts rows that are already in the log in the same state.
	Unchanged importCounts `json:"unchanged"`
	// TokensKept counts connections that kept their stored tokens, TokensAbsent those without a
	// token in the import, and TokensReplaced the imported tokens that replaced stored ones.
	TokensKept     int            `json:"tokens_kept"`
	TokensAbsent   int            `json:"tokens_absent"`
	TokensReplaced int            `json:"tokens_replaced"`
	Repairs        []importRepair `json:"repairs"`
	// dashboards that were changed in ledgerboard and are not replaced
	Kept    []importRepair  `json:"kept"`
	Refused []importRefusal `json:"refused"`
}

type importCounts struct {
	Entities        int `json:"entities"`
	Connections     int `json:"connections"`
	Tokens          int `json:"tokens"`
	Dashboards      int `json:"dashboards"`
	Posts           int `json:"posts"`
	AccountReadings int `json:"account_readings"`
	PostReadings    int `json:"post_readings"`
}

type importRepair struct {
	place
	domain.ImportNote
}

type importRefusal struct {
	place
	Reason string `json:"reason"`
}

type place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func (p place) String() string { return fmt.Sprintf("%s line %d", p.File, p.Line) }

func (r importRefusal) String() string { return r.place.String() + ": " + r.Reason }

func (r importRepair) String() string {
	text := fmt.Sprintf("%s: account %s", r.place, r.SubAccountID)
	if r.Field != "" {
		text += fmt.Sprintf(": %s %s", r.Field, r.ID)
	}
	return text + " " + r.Reason
}

func (r importReport) refuse(asJSON bool, out io.Writer) error {
	if asJSON {
		r.Imported = importCounts{}
		refused := usageError{fmt.Errorf("nothing was imported: %d rows were refused", len(r.Refused))}
		return errors.Join(json.NewEncoder(out).Encode(r), refused)
	}
	return usageError{fmt.Errorf("nothing was imported; correct these lines and repeat the import, "+
		"or leave them out with --skip-refused:%s", formatList(r.Refused, "", ""))}
}

// maxListed is the number of rows that are printed; --json lists all rows.
const maxListed = 50

func formatList[T fmt.Stringer](list []T, indent, hint string) string {
	var text strings.Builder
	for _, row := range list[:min(len(list), maxListed)] {
		text.WriteString("\n" + indent + row.String())
	}
	if rest := len(list) - maxListed; rest > 0 {
		fmt.Fprintf(&text, "\n%s… and %d more%s", indent, rest, hint)
	}
	return text.String()
}

func (r importReport) print(c importCommand, s streams) error {
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(r)
	}
	did := "imported"
	if r.DryRun {
		did = "would be imported (--dry-run; nothing was appended)"
	}
	for _, kind := range []struct {
		name                string
		imported, unchanged int
		given               bool
	}{
		{"entities", r.Imported.Entities, r.Unchanged.Entities, len(c.Files) > 0},
		{"connections", r.Imported.Connections, r.Unchanged.Connections, len(c.MemberAuth) > 0},
		{"tokens", r.Imported.Tokens, r.TokensKept, len(c.MemberAuth) > 0},
		{"dashboards", r.Imported.Dashboards, r.Unchanged.Dashboards, len(c.Preferences) > 0},
		{"posts", r.Imported.Posts, r.Unchanged.Posts, len(c.Posts) > 0 || r.Imported.Posts+r.Unchanged.Posts > 0},
		{"account readings", r.Imported.AccountReadings, r.Unchanged.AccountReadings, len(c.AccountInsights) > 0},
		{"post readings", r.Imported.PostReadings, r.Unchanged.PostReadings, len(c.PostInsights) > 0},
	} {
		present := ""
		if kind.unchanged > 0 {
			present = fmt.Sprintf("; %d were already present", kind.unchanged)
		}
		if kind.given {
			fmt.Fprintf(s.Out, "%d %s %s%s.\n", kind.imported, kind.name, did, present)
		}
	}
	if r.TokensReplaced > 0 {
		fmt.Fprintf(s.Out, "%d of the tokens replaced stored tokens; their connections are read again soon.\n",
			r.TokensReplaced)
	}
	if r.TokensAbsent > 0 {
		fmt.Fprintf(s.Out, "%d connections have no token in the import: their accounts must be connected again.\n",
			r.TokensAbsent)
	}
	for _, repairs := range []struct {
		title string
		list  []importRepair
	}{{"Repaired (only removals; no one gains access):", r.Repairs}, {"Left unchanged:", r.Kept}} {
		if len(repairs.list) > 0 {
			fmt.Fprintln(s.Out, repairs.title+formatList(repairs.list, "  ", "; --json lists them all"))
		}
	}
	if len(r.Refused) > 0 {
		fmt.Fprintln(s.Err, "Refused:"+formatList(r.Refused, "", ""))
	}
	return nil
}

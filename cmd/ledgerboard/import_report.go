package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

type importReport struct {
	ID       string              `json:"id,omitempty"` // of the import, for --withdraw; absent if nothing was appended
	DryRun   bool                `json:"dry_run"`
	Imported domain.ImportCounts `json:"imported"` // with DryRun: what would be imported
	// Unchanged counts lines that the log already holds, or, of entities and texts, a later state.
	Unchanged domain.ImportCounts `json:"unchanged"`
	Repeated  int                 `json:"repeated"` // lines that repeat another line of the files
	// TokensKept counts connections that kept their stored tokens, TokensAbsent those without a
	// token in the import, and TokensReplaced the imported tokens that replaced stored ones.
	TokensKept     int          `json:"tokens_kept"`
	TokensAbsent   int          `json:"tokens_absent"`
	TokensReplaced int          `json:"tokens_replaced"`
	Repairs        []importNote `json:"repairs"`
	// dashboards that were changed in ledgerboard and are not replaced
	Kept    []importNote `json:"kept"`
	Refused []importNote `json:"refused"`
}

// newImportReport returns the report of an import that has imported nothing yet.
func newImportReport(dryRun bool, refused []importNote) importReport {
	return importReport{DryRun: dryRun, Repairs: []importNote{}, Kept: []importNote{}, Refused: refused}
}

type importNote struct {
	place
	domain.ImportNote
}

type place struct {
	File string `json:"file"`
	Line int    `json:"line"`

	file int // index of the file
}

func (i *importRun) place(file, number int) place {
	return place{File: i.files[file].path, Line: number, file: file}
}

func (i *importRun) refuse(at place, reason error) {
	i.report.Refused = append(i.report.Refused, importNote{at, domain.ImportNote{Reason: reason.Error()}})
}

// counters returns the counters of a line that is not of a dashboard.
func (i *importReport) counters(line any) (imported, unchanged *int) {
	in, old := &i.Imported, &i.Unchanged
	switch line := line.(type) {
	case domain.Draft:
		return &in.Entities, &old.Entities
	case commands.ImportedToken:
		return &in.Connections, &old.Connections
	case commands.MetricLine:
		switch line.Data.(type) {
		case domain.PostRegistered:
			return &in.Posts, &old.Posts
		case domain.AccountRead:
			return &in.AccountReadings, &old.AccountReadings
		}
	}
	return &in.PostReadings, &old.PostReadings
}

// counted formats a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (p place) String() string { return fmt.Sprintf("%s line %d", p.File, p.Line) }

func (i importNote) String() string {
	switch {
	case i.SubAccountID == "":
		return fmt.Sprintf("%s: %s", i.place, i.Reason)
	case i.Field == "":
		return fmt.Sprintf("%s: account %s %s", i.place, i.SubAccountID, i.Reason)
	default:
		return fmt.Sprintf("%s: account %s: %s %s %s", i.place, i.SubAccountID, i.Field, i.ID, i.Reason)
	}
}

// maxListed is the number of lines that are printed; --json lists all.
const maxListed = 50

func formatList(list []importNote) string {
	var text strings.Builder
	for _, row := range list[:min(len(list), maxListed)] {
		text.WriteString("\n  " + row.String())
	}
	if rest := len(list) - maxListed; rest > 0 {
		fmt.Fprintf(&text, "\n  … and %d more; --json lists them all", rest)
	}
	return text.String()
}

func (i *importReport) print(c importCommand, std streams) error {
	slices.SortStableFunc(i.Refused, func(a, b importNote) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.Line, b.Line))
	})
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(i)
	}
	did := "imported"
	if i.DryRun {
		did = "would be imported (--dry-run; nothing was appended)"
	}
	in, old := i.Imported, i.Unchanged
	for _, kind := range []struct {
		one, many           string
		imported, unchanged int
	}{
		{"entity", "entities", in.Entities, old.Entities},
		{"connection", "connections", in.Connections, old.Connections},
		{"token", "tokens", in.Tokens, i.TokensKept},
		{"dashboard", "dashboards", in.Dashboards, old.Dashboards},
		{"post", "posts", in.Posts, old.Posts},
		{"account reading", "account readings", in.AccountReadings, old.AccountReadings},
		{"post reading", "post readings", in.PostReadings, old.PostReadings},
	} {
		imported := counted(kind.imported, kind.one, kind.many)
		switch {
		case kind.unchanged > 0:
			fmt.Fprintf(std.Out, "%s %s; %s already present.\n", imported, did, counted(kind.unchanged, "was", "were"))
		case kind.imported > 0:
			fmt.Fprintf(std.Out, "%s %s.\n", imported, did)
		}
	}
	if i.Repeated > 0 {
		fmt.Fprintf(std.Out, "%s another line of the files.\n", counted(i.Repeated, "line repeats", "lines repeat"))
	}
	if i.TokensReplaced > 0 {
		fmt.Fprintf(std.Out, "%d of the tokens replaced stored tokens; their connections are read again soon.\n",
			i.TokensReplaced)
	}
	if i.TokensAbsent > 0 {
		fmt.Fprintf(std.Out, "%s no token in the import: the accounts must be connected again.\n",
			counted(i.TokensAbsent, "connection has", "connections have"))
	}
	for _, repairs := range []struct {
		title string
		list  []importNote
	}{{"Repaired (only removals; no one gains access):", i.Repairs}, {"Left unchanged:", i.Kept}} {
		if len(repairs.list) > 0 {
			fmt.Fprintln(std.Out, repairs.title+formatList(repairs.list))
		}
	}
	if i.ID != "" && in.Posts+in.AccountReadings+in.PostReadings > 0 {
		fmt.Fprintf(std.Out, "If the posts and readings turn out to be wrong: ledgerboard import --withdraw %s\n", i.ID)
	}
	if len(i.Refused) > 0 {
		fmt.Fprintln(std.Err, "Refused:"+formatList(i.Refused))
	}
	return nil
}

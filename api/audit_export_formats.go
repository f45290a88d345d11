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

// csvExport writes the entries as a table. Its last row is a comment: "# complete=true entries=…".
type csvExport[E any] struct {
	*csvtable.Writer

	cells func(E) []any
}

func (e csvExport[E]) entry(entry E) error { return e.Values(e.cells(entry)...) }

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

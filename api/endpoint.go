package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// FigureScopes resolves scopes. A narrowing account outside of what the caller may see is not_found;
// a client without any open dashboard is forbidden.
type FigureScopes interface {
	Scope(ctx context.Context, request readmodels.ScopeRequest) (readmodels.Scope, error)
}

// endpoint is the one shape of the analytics: parse, find out whose figures, query, and write the envelope or
// a table, or 304 when the caller has that already.
func endpoint[Q, R any](
	s *Server, parse func(*Params) Q, query func(context.Context, readmodels.Scope, Q) (R, analytics.Meta, error),
) operation {
	plan := newCSVPlan(reflect.TypeFor[R]())
	read := func(params *Params) (q Q, narrow readmodels.AccountRef, table string) {
		q = parse(params)
		params.Zone() // judged for every endpoint, also where no range is read
		return q, params.narrowing(), params.csvTable(plan)
	}
	serve := func(w http.ResponseWriter, r *http.Request) error {
		params := requestParams(r, s.deps.Now())
		q, narrow, table := read(params)
		params.refuseUnread(s.figureParams)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := s.scope(r.Context(), narrow)
		if err != nil {
			return err
		}
		data, meta, err := query(r.Context(), scope, q)
		if err != nil {
			return err
		}
		if prefers(r, mediaCSV) {
			body, err := figuresCSV(plan, data, meta, table)
			if err != nil {
				return err
			}
			next := meta.NextCursor
			if table == csvSources {
				next = "" // they are the same on every page
			}
			headCSV(w.Header(), r, next)
			writeTagged(w, r, body)
			return nil
		}
		body, err := json.Marshal(envelope{Success: true, Message: messageSuccess, Data: data, Meta: &meta})
		if err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		w.Header().Set("Content-Type", mediaJSON+"; charset=utf-8")
		writeTagged(w, r, append(body, '\n'))
		return nil
	}
	return described(serve, about{
		query: methodName(query), tag: tagAnalytics, parse: func(p *Params) { read(p) },
		headers: []param{{name: headerIfNoneMatch, text: "The ETag of an answer that the caller has.", schema: schema{Type: typeString}}},
		answers: append(
			answersJSON(enveloped(reflect.TypeFor[R](), reflect.TypeFor[analytics.Meta]()), headerETag),
			answerDoc{status: http.StatusOK, text: "Done.", media: mediaCSV, headers: []string{headerLink, headerDisposition}, example: plan.firstLine()},
			answerDoc{status: http.StatusNotModified, text: "The caller's answer is still right.", headers: []string{headerETag}},
		),
	})
}

// csvSources is the table of what figures are worth; all tables of an answer together leave it out.
const csvSources = "meta.sources"

var sourcesPlan = newCSVPlan(reflect.TypeFor[[]analytics.Source]())

// figuresCSV lays out the tables of an answer, or the sources that its figures come from.
func figuresCSV(plan csvPlan, data any, meta analytics.Meta, table string) ([]byte, error) {
	if table == csvSources {
		return csvOf(sourcesPlan, meta.Sources, csvRoot)
	}
	return csvOf(plan, data, table)
}

// csvTable reads `table`, which picks one table of an answer as CSV.
func (p *Params) csvTable(plan csvPlan) string {
	names := append(plan.names(), csvSources)
	p.note("table", "With Accept: text/csv: the one table to answer; meta.sources says for every social account why a cell is empty. "+
		"Absent: all tables of the data, told apart by the column table.",
		schema{Type: typeString, Enum: anyOf(names)})
	name, present := p.value("table")
	if present && !slices.Contains(names, name) {
		p.bad.addf("table", "is not a table of this answer: use %s", strings.Join(names, ", "))
		return ""
	}
	return name
}

func anyOf(names []string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = name
	}
	return values
}

func (s *Server) scope(ctx context.Context, narrow readmodels.AccountRef) (readmodels.Scope, error) {
	p, _ := PrincipalFrom(ctx)
	parent, err := s.parentOf(ctx, p)
	if err != nil {
		return readmodels.Scope{}, err
	}
	request := readmodels.ScopeRequest{ParentAccount: parent, Narrow: narrow}
	if !p.Roles.Has(RoleAgency) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	return s.deps.Figures.Scope(ctx, request)
}

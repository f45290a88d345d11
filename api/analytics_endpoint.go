package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/csvtable"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// FigureScopes resolves scopes. A narrowing account outside of what the caller may see is not_found;
// a client without any open dashboard is forbidden.
type FigureScopes interface {
	Scope(ctx context.Context, request readmodels.ScopeRequest) (readmodels.Scope, error)
}

// endpoint is the one shape of the analytics: parse, find out whose figures, query, and write the envelope or
// a table, or 304 when the caller has that already. Where the path names no account, ?account= and ?dashboard= may narrow
// the figures.
func endpoint[R any](
	s *Server, takes []Param, query func(context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) operation {
	if !slices.ContainsFunc(takes, paramAccountID.same) {
		takes = with(takes, paramAccount, paramBoard)
	}
	plan := csvtable.NewPlan(reflect.TypeFor[R]())
	tables := paramTable
	tables.Words = append(plan.Names(), csvSources)
	read := func(w http.ResponseWriter, r *http.Request, params *Params) error {
		asked := parseFigures(params)
		whose := params.narrowing()
		asCSV, table, form := params.formOf(r, tables)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := s.scope(r.Context(), whose)
		if err != nil {
			return err
		}
		data, meta, err := query(r.Context(), scope, asked)
		if err != nil {
			return err
		}
		meta.Ignored = params.ignored
		if scope.Board != nil {
			meta.ClientsSee, meta.ClientsSeeNot = &scope.Board.ClientsSee, scope.Board.Why
		}
		if asCSV {
			layout, rows, next := plan, any(data), meta.NextCursor
			if table == csvSources { // they are the same on every page
				layout, rows, next, table = sourcesPlan, meta.Sources, "", csvtable.Root
			}
			body, err := layout.Write(rows, table)
			if err != nil {
				return err
			}
			headCSV(w.Header(), r, next)
			writeTagged(w, r, body)
			return nil
		}
		if form == metaBrief {
			meta.Sources = nil
		}
		body, err := encoded(data, &meta)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", contentJSON)
		writeTagged(w, r, body)
		return nil
	}
	return operation{
		read: read, Takes: with(takes, paramMeta, tables, paramIfNoneMatch),
		Answer: Answer{Data: reflect.TypeFor[R](), Meta: reflect.TypeFor[analytics.Meta](), CSV: plan.FirstLine()},
	}
}

// formOf is the form of an Answer: CSV with its table, or JSON with its meta.
func (p *Params) formOf(r *http.Request, tables Param) (asCSV bool, table, form string) {
	table, form = p.word(tables), p.word(paramMeta)
	asCSV = prefers(r, mediaCSV) || table != "" && weightOf(r, mediaJSON) == 0 // a link sets no header
	switch {
	case asCSV && form != "":
		p.bad.Addf(paramMeta.Name, "is of JSON and changes nothing in CSV: leave it out; ?table=%s has the sources", csvSources)
	case table != "" && !asCSV:
		p.bad.Addf(paramTable.Name, "is of CSV, and the request prefers JSON: send Accept: text/csv, or leave it out")
	}
	return asCSV, table, form
}

// csvSources is the table of what figures are worth; all tables of an answer together leave it out.
const csvSources = "meta.sources"

var sourcesPlan = csvtable.NewPlan(reflect.TypeFor[[]analytics.Source]())

// narrowing is what the figures are narrowed to.
func (p *Params) narrowing() (n readmodels.Narrowing) {
	if p.declares(paramAccountID) {
		n.Accounts = []readmodels.AccountRef{p.RequiredAccount(paramAccountID)}
		return n
	}
	n.Accounts = p.Accounts(paramAccount)
	if p.declares(paramBoard) {
		n.Dashboard = p.hex(paramBoard)
	}
	return n
}

func (s *Server) scope(ctx context.Context, narrow readmodels.Narrowing) (readmodels.Scope, error) {
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

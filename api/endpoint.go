package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// FigureScopes resolves scopes. A narrowing account outside of what the caller may see is not_found;
// a client without any open dashboard is forbidden.
type FigureScopes interface {
	Scope(ctx context.Context, request readmodels.ScopeRequest) (readmodels.Scope, error)
}

// endpoint is the one shape of the analytics: parse, find out whose figures, query, envelope.
func endpoint[Q, R any](
	s *Server, parse func(*Params) Q, query func(context.Context, readmodels.Scope, Q) (R, readmodels.Meta, error),
) operation {
	read := func(params *Params) (Q, readmodels.AccountRef) {
		q := parse(params)
		params.Zone() // judged for every endpoint, also where no range is read
		return q, params.Account("account")
	}
	serve := func(w http.ResponseWriter, r *http.Request) error {
		params := requestParams(r, s.deps.Now())
		q, narrow := read(params)
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
		return s.writeData(w, data, &meta)
	}
	return described(serve, about{
		query: methodName(query), tag: tagAnalytics, parse: func(p *Params) { read(p) },
		answers: answersJSON(enveloped(reflect.TypeFor[R](), reflect.TypeFor[readmodels.Meta]())),
	})
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

func parseRangeQuery(p *Params) readmodels.RangeQuery {
	return readmodels.RangeQuery{Range: p.Range("startTime", "endTime"), Platforms: p.Platforms("pId")}
}

// optional expands a pattern whose last segments may be left out: each shorter pattern is a route of
// its own, because chi has no optional parameters.
func optional(pattern string, last int) []string {
	patterns := []string{pattern}
	for range last {
		pattern = pattern[:strings.LastIndexByte(pattern, '/')]
		patterns = append(patterns, pattern)
	}
	return patterns
}

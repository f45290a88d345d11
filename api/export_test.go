package api

import (
	"encoding/json"
	"reflect"

	"github.com/go-chi/chi/v5"
)

// Route is a row of the route table, for the tests of roles.
type Route struct {
	Method, Pattern string
	Roles           []Role
}

// Routes returns the route table.
func (s *Server) Routes() (routes []Route) {
	for _, r := range s.routes() {
		routes = append(routes, Route{r.method, r.pattern, r.roles})
	}
	return routes
}

// EveryRole returns the constants of type Role, as the source has them.
func EveryRole() (roles []Role, err error) {
	c, err := sourceComments()
	if err != nil {
		return nil, err
	}
	values, _ := c.constants(reflect.TypeFor[Role]())
	for _, value := range values {
		roles = append(roles, Role(value.(string)))
	}
	return roles, nil
}

// Absent names what a server was not given of [Deps]: routes may depend on it.
func (s *Server) Absent() (names []string) {
	deps := reflect.ValueOf(s.deps)
	for field := range deps.Type().Fields() {
		switch v := deps.FieldByIndex(field.Index); v.Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Func, reflect.Slice, reflect.Map:
			if v.IsNil() {
				names = append(names, field.Name)
			}
		}
	}
	return names
}

// Document returns the API document of a server at the root.
func (s *Server) Document() ([]byte, error) {
	doc, err := s.documentAt("")
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// Match returns the pattern that serves a request.
func (s *Server) Match(method, path string) (pattern string, ok bool) {
	rctx := chi.NewRouteContext()
	ok = s.mux.Match(rctx, method, path)
	return rctx.RoutePattern(), ok
}

// What the tests look into.
var (
	StatusOf     = statusOf
	UpdateDigest = updateDigest
	ParseObject  = parseObject
	ParseUpdate  = parseUpdate
	ParseIfMatch = parseIfMatch
)

// CSVOf lays data out as CSV, and names its tables.
func CSVOf[R any](data R, table string) (text string, tables []string, err error) {
	plan := newCSVPlan(reflect.TypeFor[R]())
	raw, err := csvOf(plan, data, table)
	return string(raw), plan.names(), err
}

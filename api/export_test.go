package api

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

// What the tests look into.
var (
	StatusOf     = statusOf
	UpdateDigest = updateDigest
	ParseObject  = parseObject
	ParseUpdate  = parseUpdate
	ParseIfMatch = parseIfMatch
	Optional     = optional
)

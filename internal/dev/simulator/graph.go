package simulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// routeGraph mounts Meta's two hosts. Both know the same paths; which accounts answer depends on the
// token.
func (s *Server) routeGraph() {
	s.graphHost(PathFacebook, domain.Facebook, domain.Instagram)
	s.graphHost(PathInstagram, domain.Instagram)
	s.mux.HandleFunc("GET "+PathInstagram+"/refresh_access_token", s.instagramRefresh)
}

func (s *Server) graphHost(prefix string, platforms ...domain.Platform) {
	s.mux.HandleFunc("GET "+prefix+"/{version}/{$}", s.graph("ids", prefix, platforms, s.graphBatch))
	s.mux.HandleFunc("GET "+prefix+"/{version}/{id}", s.graph("node", prefix, platforms, s.graphNode))
	s.mux.HandleFunc("GET "+prefix+"/{version}/{id}/{edge}", s.graph("", prefix, platforms, s.graphEdge))
}

var graphVersion = regexp.MustCompile(`^v\d+\.\d+$`)

// graph authenticates, counts and applies the traps that concern every call of Meta's.
func (s *Server) graph(op, prefix string, platforms []domain.Platform, handle func(*request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC()}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token == "" {
			token = c.query.Get("access_token")
		}
		p, state := platforms[0], tokenUnknown
		for _, candidate := range platforms {
			if c.acc, state = s.authenticate(candidate, token, c.now); c.acc != nil {
				p = candidate
				break
			}
		}
		name := op
		if edge := r.PathValue("edge"); edge != "" {
			name = edge
		}
		if c.acc != nil && prefix == PathInstagram && !c.acc.InstagramLogin {
			c.acc, state = nil, tokenUnknown // a token of Facebook login is none here
		}
		if c.acc != nil {
			c.traps = c.acc.trapped()
		}
		rep, throttled := s.graphReply(c, p, token, state, handle)
		s.tally.count(p.String()+"/"+name, throttled)
		s.answer(w, r, p, c.acc, c.traps, rep)
	}
}

func (s *Server) graphReply(
	c *request, p domain.Platform, token string, state tokenState, handle func(*request) reply,
) (rep reply, throttled bool) {
	switch {
	case !graphVersion.MatchString(c.PathValue("version")):
		return s.graphFail(c, 400, 2635, 0, "(#2635) You are calling a version of the API that does not exist"), false
	case token == "":
		return s.graphFail(c, 400, 104, 0, "An access token is required to request this resource."), false
	case state == tokenUnknown:
		// The real one repeats the token in its message, which must never reach a log.
		return s.graphFail(c, 400, 190, 467, "Malformed access token "+token), false
	case state == tokenExpired:
		return s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired."), false
	case c.traps.TokenError != 0:
		return s.graphFail(c, 400, 190, c.traps.TokenError, "Error validating access token: The session has been invalidated."), false
	case c.traps.Throttle != nil:
		return s.throttledReply(c, p, *c.traps.Throttle), false
	}
	used, allowed := s.limits.take(accountKey(p, c.acc.ID), s.cfg.MetaPerDay, 24*time.Hour, 24, c.now)
	if !allowed {
		code := 80001
		if p == domain.Instagram {
			code = 80002
		}
		return s.throttledReply(c, p, Throttle{Code: code, Minutes: 60}), true
	}
	rep = handle(c)
	if rep.header == nil {
		rep.header = map[string]string{}
	}
	rep.header["facebook-api-version"] = c.PathValue("version")
	if s.cfg.MetaPerDay > 0 {
		if percent := used * 100 / s.cfg.MetaPerDay; percent > 0 { // absent while little is used
			rep.header["X-Business-Use-Case-Usage"] = businessUsage(p, c.acc.ID, percent, 0)
		}
	}
	return rep, false
}

// businessUsage is the header's value; percents, and minutes until access is regained.
func businessUsage(p domain.Platform, id string, percent, minutes int) string {
	kind := "pages"
	if p == domain.Instagram {
		kind = "instagram"
	}
	raw, _ := json.Marshal(object{id: []object{{ //nolint:errchkjson // words and numbers
		"type": kind, "call_count": percent, "total_cputime": percent / 4, "total_time": percent / 4,
		"estimated_time_to_regain_access": minutes,
	}}})
	return string(raw)
}

func (s *Server) throttledReply(c *request, p domain.Platform, t Throttle) reply {
	status := t.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	rep := s.graphFail(c, status, t.Code, 0, "(#"+strconv.Itoa(t.Code)+") There have been too many calls to this account.")
	if t.Minutes > 0 {
		rep.header = map[string]string{
			"X-Business-Use-Case-Usage": businessUsage(p, c.acc.ID, 100, t.Minutes),
			"X-App-Usage":               `{"call_count":28,"total_time":25,"total_cputime":25}`,
		}
	}
	return rep
}

// graphFail is Meta's error body.
func (s *Server) graphFail(c *request, status, code, subcode int, message string) reply {
	e := object{
		"message": message, "type": "OAuthException", "code": code, "is_transient": false,
		"fbtrace_id": strconv.FormatUint(hash(s.cfg.Seed, message, itoa(c.now.Unix())), 36),
	}
	if c.traps.CodeAsText {
		e["code"] = strconv.Itoa(code)
	}
	if subcode != 0 {
		e["error_subcode"] = subcode
	}
	return reply{status: status, body: object{"error": e}}
}

func (s *Server) graphNotFound(c *request, id string) reply {
	return s.graphFail(c, 400, 100, 33, "Unsupported get request. Object with ID '"+id+"' does not exist, "+
		"cannot be loaded due to missing permissions, or does not support this operation.")
}

func (s *Server) graphNoPermission(c *request) reply {
	return s.graphFail(c, 403, 10, 0, "(#10) This endpoint requires the 'pages_read_engagement' permission "+
		"or the 'Page Public Content Access' feature.")
}

// graphNode answers GET /{id}.
func (s *Server) graphNode(c *request) reply {
	id := c.PathValue("id")
	if c.acc.platform == domain.Instagram {
		return s.instagramNode(c, id)
	}
	if id == c.acc.ID || id == "me" {
		return s.pageNode(c)
	}
	node, fail := s.postNode(c, id)
	if fail != nil {
		return *fail
	}
	return ok(node)
}

// graphBatch answers GET /?ids=a,b: a map by id. One dead id fails the lot.
func (s *Server) graphBatch(c *request) reply {
	if c.acc.platform == domain.Instagram {
		return s.graphFail(c, 400, 100, 0, "(#100) Unsupported request: ids")
	}
	ids := strings.Split(c.query.Get("ids"), ",")
	if len(ids) > 50 {
		return s.graphFail(c, 400, 100, 0, "(#100) Too many IDs. Maximum: 50. Provided: "+strconv.Itoa(len(ids))+".")
	}
	out := object{}
	for _, id := range ids {
		node, fail := s.postNode(c, id)
		if fail != nil {
			return *fail
		}
		out[id] = node
	}
	return ok(out)
}

// graphEdge answers GET /{id}/{edge}.
func (s *Server) graphEdge(c *request) reply {
	id, edge := c.PathValue("id"), c.PathValue("edge")
	if c.acc.platform == domain.Instagram {
		return s.instagramEdge(c, id, edge)
	}
	switch {
	case id == c.acc.ID && edge == "insights":
		return s.pageInsights(c)
	case id == c.acc.ID && (edge == "posts" || edge == "published_posts" || edge == "feed" || edge == "videos" || edge == "video_reels"):
		return s.pageList(c, edge)
	case edge == "insights":
		return s.postInsightsEdge(c, id)
	case edge == "video_insights":
		return s.videoInsightsEdge(c, id)
	default:
		return s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+edge+") on node type (Page)")
	}
}

package simulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	s.mux.HandleFunc("GET "+prefix+"/{version}/{$}", s.graph("ids", prefix, platforms, s.graphIDs))
	s.mux.HandleFunc("POST "+prefix+"/{version}/{$}", s.graphBatch(prefix, platforms))
	s.mux.HandleFunc("GET "+prefix+"/{version}/{id}", s.graph("node", prefix, platforms, s.graphNode))
	s.mux.HandleFunc("GET "+prefix+"/{version}/{id}/{edge}", s.graph("", prefix, platforms, s.graphEdge))
}

var graphVersion = regexp.MustCompile(`^v(\d+)\.\d+$`)

// The versions of the Graph API that answer. A call without a version is one of the oldest.
const oldestGraph, newestGraph = 19, 26

// withGraphPath gives a call of the Graph API the path that is routed: Meta takes a slash at the end, and calls without
// a version.
func withGraphPath(r *http.Request) *http.Request {
	prefix := PathFacebook
	path, found := strings.CutPrefix(r.URL.Path, prefix+"/")
	if !found {
		prefix = PathInstagram
		path, found = strings.CutPrefix(r.URL.Path, prefix+"/")
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	unversioned := prefix == PathInstagram && (parts[0] == "oauth" || strings.HasSuffix(parts[0], "access_token"))
	if !found || unversioned || strings.HasPrefix("/"+path, PathApps) {
		return r
	}
	if !graphVersion.MatchString(parts[0]) {
		parts = append([]string{"v" + strconv.Itoa(oldestGraph) + ".0"}, parts...)
	}
	if len(parts) == 1 {
		parts = append(parts, "")
	}
	routed := *r
	routed.URL = &url.URL{Path: prefix + "/" + strings.Join(parts, "/"), RawQuery: r.URL.RawQuery}
	return &routed
}

// graphVersionRefusal refuses a version that is not out yet, whose path is unknown, and one that has ended.
func (s *Server) graphVersionRefusal(c *request) (rep reply, refused bool) {
	parts := graphVersion.FindStringSubmatch(c.PathValue("version"))
	switch {
	case parts == nil || atoi(parts[1]) > newestGraph || !strings.HasSuffix(parts[0], ".0"):
		_, path, _ := strings.Cut(c.URL.Path, c.PathValue("version"))
		return s.graphFail(c, 400, 2500, 0, "Unknown path components: "+path), true
	case atoi(parts[1]) < oldestGraph:
		return s.graphFail(c, 400, 2635, 0, "(#2635) You are calling a deprecated version of the Graph API. Please update to the latest version."), true
	default:
		return reply{}, false
	}
}

// graph authenticates, counts and applies the traps that concern every call of Meta's.
func (s *Server) graph(op, prefix string, platforms []domain.Platform, handle func(*request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.graphRequest(r, prefix, platforms)
		if person, m, state := s.personal(domain.Facebook, c.token, c.now); state != tokenUnknown && prefix == PathFacebook {
			s.tally.count("facebook/me", false)
			s.answer(w, r, domain.Facebook, nil, Traps{}, s.facebookPersonal(c, person, m, state))
			return
		}
		name := op
		if edge := r.PathValue("edge"); edge != "" {
			name = edge
		}
		rep := s.graphReply(c, name, handle)
		s.answer(w, r, c.platform, c.acc, c.traps, rep)
	}
}

// graphRequest finds out whose call it is: by the token in the header, the address or the form.
func (s *Server) graphRequest(r *http.Request, prefix string, platforms []domain.Platform) *request {
	c := &request{Request: withJSONForm(r), query: r.URL.Query(), now: s.cfg.Clock().UTC(), platform: platforms[0]}
	c.token = cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), c.FormValue("access_token"))
	for _, candidate := range platforms {
		if c.acc, c.state = s.authenticate(candidate, c.token, c.now); c.acc != nil {
			c.platform = candidate
			break
		}
	}
	if c.acc != nil && prefix == PathInstagram && !c.acc.OwnLogin {
		c.acc, c.state = nil, tokenUnknown // a token of Facebook login is not valid here
	}
	if c.acc != nil {
		s.graphConsent(c)
	}
	return c
}

// withJSONForm reads parameters in JSON, which Meta accepts instead of a form. What is no text is JSON within the form.
func withJSONForm(r *http.Request) *http.Request {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return r
	}
	var parameters map[string]json.RawMessage
	raw, _ := io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
	_ = json.Unmarshal(raw, &parameters)
	r.Form = r.URL.Query()
	for name, value := range parameters {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		r.Form.Set(name, text)
	}
	return r
}

// names reads a list of names: with commas, or as a JSON array.
func names(raw string) (list []string) {
	if json.Unmarshal([]byte(raw), &list) != nil {
		list = strings.Split(raw, ",")
	}
	return list
}

// link is the address of another part of an answer: the same call, with these parameters instead. It holds the caller's
// token, but no proof that the call comes from the app.
func (r *request) link(instead map[string]string) string {
	q := r.URL.Query()
	q.Del("appsecret_proof")
	q.Set("access_token", r.token)
	for name, value := range instead {
		q.Set(name, value)
	}
	return "http://" + r.Host + r.URL.Path + "?" + q.Encode()
}

// graphConsent takes into account what a person consented to: what a token lacks, and that a page's token reads the
// Instagram account behind the page too.
func (s *Server) graphConsent(c *request) {
	behind, edge := s.behind(c, c.PathValue("id")), c.PathValue("edge")
	signedIn := c.platform
	if c.traps = c.acc.trapped(); behind != nil {
		c.traps = behind.trapped()
	}
	lacks := func(scope string) bool {
		_, refused := c.traps.fault(Refused, c.now, scope)
		return refused || s.lacks(signedIn, c.token, scope)
	}
	c.lacks = lacks
	switch {
	case behind != nil && edge == "insights" && lacks("instagram_manage_insights"):
		c.without = "instagram_manage_insights"
	case behind != nil && lacks("instagram_basic"):
		c.without = "instagram_basic"
	case behind == nil && c.platform == domain.Facebook && lacks("pages_read_engagement"):
		c.without = "pages_read_engagement"
	case c.platform == domain.Instagram && edge == "insights" && lacks("instagram_business_manage_insights"):
		c.without = "instagram_business_manage_insights"
	}
	if behind != nil {
		c.acc, c.platform = behind, domain.Instagram
	}
}

// behind is the Instagram account behind the page whose call it is, if the call is about that account or its media.
func (s *Server) behind(c *request, id string) *account {
	if c.platform != domain.Facebook || c.acc.Instagram == "" || id == c.acc.ID || strings.Contains(id, "_") {
		return nil
	}
	behind := s.account(domain.Instagram, c.acc.Instagram)
	if behind == nil || id == behind.ID || slices.ContainsFunc(s.postsOf(behind, c.now), func(p Post) bool { return p.ID == id }) {
		return behind
	}
	return nil
}

// graphReply answers one request, and counts it.
func (s *Server) graphReply(c *request, op string, handle func(*request) reply) reply {
	rep, refused := s.graphRefusal(c)
	if refused {
		s.tally.count(c.platform.String()+"/"+op, false)
		return rep
	}
	rep, throttled := s.graphLimited(c, handle)
	s.tally.count(c.platform.String()+"/"+op, throttled)
	return rep
}

// graphRefusal refuses who may not ask at all.
func (s *Server) graphRefusal(c *request) (rep reply, refused bool) {
	token, state := c.token, c.state
	if rep, refused = s.graphVersionRefusal(c); refused {
		return rep, true
	}
	switch {
	case token == "" && c.PathValue("id") == "me":
		return s.graphFail(c, 400, 2500, 0, "An active access token must be used to query information about the current user."), true
	case token == "":
		return s.graphFail(c, 400, 104, 0, "An access token is required to request this resource."), true
	case state == tokenUnknown:
		// The real one repeats the token in its message, which must never reach a log.
		return s.graphFail(c, 400, 190, 467, "Malformed access token "+token), true
	case state == tokenRevoked:
		return s.graphFail(c, 400, 190, 458, revokedWords), true
	case state == tokenExpired:
		return s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired."), true
	case s.cfg.ClientSecret != "" && c.FormValue("appsecret_proof") != s.proof(token):
		return s.graphFail(c, 400, 100, 0, "Invalid appsecret_proof provided in the API argument"), true
	case c.without != "":
		return s.graphFail(c, 403, 10, 0, "(#10) This endpoint requires the '"+c.without+"' permission."), true
	case c.traps.TokenError != 0:
		return s.graphFail(c, 400, 190, c.traps.TokenError, "Error validating access token: The session has been invalidated."), true
	case c.traps.Throttle != nil:
		return s.throttledReply(c, *c.traps.Throttle), true
	default:
		return s.graphFaulty(c)
	}
}

// proof is what an app with "Require App Secret" wants with every call.
func (s *Server) proof(token string) string {
	mac := hmac.New(sha256.New, []byte(s.cfg.ClientSecret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

// graphLimited answers within the limit of the page or account.
func (s *Server) graphLimited(c *request, handle func(*request) reply) (rep reply, throttled bool) {
	p := c.platform
	used, allowed := s.limits.take(accountKey(p, c.acc.ID), s.cfg.MetaPerDay, 24*time.Hour, 24, c.now)
	if !allowed {
		code := 80001
		if p == domain.Instagram {
			code = 80002
		}
		return s.throttledReply(c, Throttle{Code: code, Minutes: 60}), true
	}
	rep = handle(c)
	if rep.header == nil {
		rep.header = map[string]string{}
	}
	rep.header["facebook-api-version"] = c.PathValue("version")
	if s.cfg.MetaPerDay > 0 {
		if percent := used * 100 / s.cfg.MetaPerDay; percent > 0 { // absent while little is used
			c.usage(rep.header, percent, 0)
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

func (s *Server) throttledReply(c *request, t Throttle) reply {
	status := t.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	rep := s.graphFail(c, status, t.Code, 0, "(#"+strconv.Itoa(t.Code)+") There have been too many calls to this account.")
	if t.Minutes > 0 {
		rep.header = map[string]string{"X-App-Usage": `{"call_count":28,"total_time":25,"total_cputime":25}`}
		c.usage(rep.header, 100, t.Minutes)
	}
	return rep
}

// usage says how much of the quota is used. Instagram's own host has another header, and other words in it.
func (r *request) usage(header map[string]string, percent, minutes int) {
	if r.acc.OwnLogin {
		header["X-App-Usage"] = `{"call_volume":` + strconv.Itoa(percent) + `,"cpu_time":` + strconv.Itoa(percent/4) + `}`
		return
	}
	header["X-Business-Use-Case-Usage"] = businessUsage(r.platform, r.acc.ID, percent, minutes)
}

// graphFail is Meta's error body.
func (s *Server) graphFail(c *request, status, code, subcode int, message string) reply {
	if _, hit := c.fault(OtherLanguage); hit && cmp.Or(c.query.Get("locale"), c.FormValue("locale")) != "en_US" {
		message = "(#" + strconv.Itoa(code) + ") " + spanish
	}
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

package simulator

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func (s *Server) routeLinkedIn() {
	s.mux.HandleFunc("GET "+PathLinkedIn+"/rest/{resource}", s.linkedIn)
	s.mux.HandleFunc("GET "+PathLinkedIn+"/rest/{resource}/{key}", s.linkedIn)
	s.mux.HandleFunc("POST "+PathLinkedIn+"/rest/{resource}", s.linkedIn)
	s.mux.HandleFunc("GET "+PathLinkedIn+"/v2/{resource}", s.linkedIn)
	s.mux.HandleFunc("POST "+PathLinkedIn+"/oauth/v2/accessToken", s.linkedInToken)
}

// dayCounter counts calls by UTC day; yesterday's are forgotten.
type dayCounter struct {
	mu    sync.Mutex
	day   string
	calls map[string]int
}

// take counts a call under a key and reports whether it is within the limit (0 and below: none).
func (d *dayCounter) take(key string, limit int, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if today := now.UTC().Format(time.DateOnly); today != d.day {
		d.day, d.calls = today, map[string]int{}
	}
	if limit > 0 && d.calls[key] >= limit {
		return false
	}
	d.calls[key]++
	return true
}

// linkedIn authenticates, checks the version, counts against the day, and hands on.
func (s *Server) linkedIn(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-HTTP-Method-Override") == http.MethodGet {
		untunnel(r)
	}
	c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC()}
	c.token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var state tokenState
	if c.acc, state = s.authenticate(domain.LinkedIn, c.token, c.now); state == tokenUnknown {
		state = s.linkedInPerson(c)
	}
	if c.acc != nil {
		c.traps = c.acc.trapped()
	}
	rep, throttled := s.linkedInReply(c, state)
	s.tally.count("linkedin/"+r.PathValue("resource"), throttled)
	s.answer(w, r, domain.LinkedIn, c.acc, c.traps, rep)
}

// untunnel turns a POST that is a GET with a long query back into that: the body is the query.
func untunnel(r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
	r.Method, r.URL.RawQuery = http.MethodGet, string(body)
}

func (s *Server) linkedInReply(c *request, state tokenState) (rep reply, throttled bool) {
	version := c.Header.Get("LinkedIn-Version")
	refusal, dead := s.linkedInDead(state)
	versioned := strings.HasPrefix(c.URL.Path, PathLinkedIn+"/rest/")
	switch {
	case !versioned && c.PathValue("resource") != "geo":
		return s.linkedInFail(404, 0, "RESOURCE_NOT_FOUND", "No virtual resource found"), false
	case versioned && version == "":
		return s.linkedInFail(400, 0, "VERSION_MISSING", "A version must be present. Please specify a version by adding the "+
			"Linkedin-Version header."), false
	case versioned && !slices.Contains(s.cfg.LinkedInVersions, version):
		return s.linkedInFail(426, 0, "NONEXISTENT_VERSION", "Requested version "+version+"01 is not active"), false
	case c.Method == http.MethodPost:
		return s.linkedInFail(405, 0, "METHOD_NOT_ALLOWED", "Method POST is not supported"), false
	case dead:
		return refusal, false
	case c.traps.TokenError != 0:
		return s.linkedInFail(401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"), false
	case c.traps.Throttle != nil:
		return s.linkedInThrottled(), false
	case !s.days.take("member "+c.member(), s.cfg.LinkedInPerUser, c.now), !s.days.take("app", s.cfg.LinkedInPerDay, c.now):
		return s.linkedInThrottled(), true
	case c.Header.Get("X-Restli-Protocol-Version") != "2.0.0":
		return s.linkedInFail(400, 0, "", "Rest.li protocol version 2.0.0 is required for these encodings"), false
	}
	if c.person.ID != "" {
		if rep, answered := s.linkedInPersonal(c); answered {
			return rep, false
		}
	}
	return s.linkedInResource(c), false
}

// member is whose quota a call uses.
func (r *request) member() string {
	if r.person.ID != "" {
		return r.person.Profile
	}
	return r.acc.ID
}

// linkedInThrottled has no Retry-After: the quota is the day's.
func (s *Server) linkedInThrottled() reply {
	return s.linkedInFail(429, 101, "", "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.")
}

// linkedInFail is LinkedIn's error body; `code` is left out where it is empty.
func (s *Server) linkedInFail(status, serviceCode int, code, message string) reply {
	body := object{"status": status, "message": message}
	if serviceCode != 0 {
		body["serviceErrorCode"] = serviceCode
	}
	if code != "" {
		body["code"] = code
	}
	return reply{status: status, body: body, header: map[string]string{"x-li-uuid": "AAYsimulated"}}
}

func (s *Server) linkedInResource(c *request) reply {
	member := c.acc.kind != domain.LinkedInCompanyPage
	resource := c.PathValue("resource")
	if rep, refused := s.linkedInFaulty(c, resource, member); refused {
		return rep
	}
	switch {
	case resource == "geo":
		return s.geoNames(c)
	case member && resource == "memberFollowersCount":
		return s.memberFollowers(c)
	case member && resource == "memberCreatorPostAnalytics":
		return s.memberAnalytics(c)
	case member:
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: "+resource+".GET")
	case resource == "networkSizes":
		return s.networkSize(c)
	case resource == "organizationalEntityFollowerStatistics":
		return s.followerFacets(c)
	case resource == "organizationalEntityShareStatistics":
		return s.shareStatistics(c)
	case resource == "posts" && c.query.Get("q") == "author":
		return s.linkedInPosts(c)
	case resource == "posts":
		return s.linkedInPostsByURN(c)
	default:
		return s.linkedInFail(404, 0, "RESOURCE_NOT_FOUND", "No virtual resource found")
	}
}

// elements is LinkedIn's envelope; paging.total is not dependable and left out.
func elements(start, count int, list []object) reply {
	return ok(object{"paging": object{"start": start, "count": count, "links": []any{}}, "elements": list})
}

// restliList reads List(a,b), with the structure raw or percent-encoded and the URNs inside encoded.
func restliList(value string) []string {
	if strings.HasPrefix(value, "List%28") {
		value, _ = url.QueryUnescape(value)
	}
	inner, found := strings.CutPrefix(value, "List(")
	if !found || inner == ")" {
		return nil
	}
	var out []string
	for item := range strings.SplitSeq(strings.TrimSuffix(inner, ")"), ",") {
		plain, err := url.QueryUnescape(item)
		if err != nil {
			plain = item
		}
		out = append(out, plain)
	}
	return out
}

var (
	restliDate  = regexp.MustCompile(`(start|end):\(([^)]*)\)`)
	restliField = regexp.MustCompile(`(day|month|year):(\d+)`)
	restliMilli = regexp.MustCompile(`(start|end):(\d+)`)
)

// restliRange reads (start:(day:1,month:11,year:2026),end:(…)) and (timeRange:(start:MS,end:MS),…).
func restliRange(value string) (start, end time.Time) {
	at := map[string]time.Time{}
	for _, part := range restliDate.FindAllStringSubmatch(value, -1) {
		n := map[string]int{}
		for _, f := range restliField.FindAllStringSubmatch(part[2], -1) {
			n[f[1]] = atoi(f[2])
		}
		at[part[1]] = time.Date(n["year"], time.Month(n["month"]), n["day"], 0, 0, 0, 0, time.UTC)
	}
	if len(at) == 0 {
		for _, part := range restliMilli.FindAllStringSubmatch(value, -1) {
			at[part[1]] = time.UnixMilli(int64(atoi(part[2]))).UTC()
		}
	}
	return at["start"], at["end"]
}

// linkedInToken refreshes: 60 days for the access token; the refresh token stays the same and its
// 365 days are not extended.
func (s *Server) linkedInToken(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, now: s.cfg.Clock().UTC()}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	fail := linkedInOAuthFail
	var rep reply
	switch grant := r.PostFormValue("grant_type"); {
	case grant != "refresh_token" && grant != "authorization_code":
		rep = fail(400, "unsupported_grant_type", "Unsupported grant type")
	case !s.ours(r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")):
		rep = fail(401, "invalid_client", "Client authentication failed")
	case grant == "authorization_code":
		rep = s.linkedInCode(c)
	default:
		acc, tokens, good := s.rotate(domain.LinkedIn, r.PostForm.Get("refresh_token"), linkedInLife, false, c.now)
		if !good {
			rep = fail(400, "invalid_grant", "The provided authorization grant or refresh token is invalid, expired or revoked")
			break
		}
		c.acc, c.traps = acc, acc.trapped()
		rep = ok(object{
			"access_token": tokens.Access, "expires_in": int(linkedInLife / time.Second), "refresh_token": tokens.Refresh,
			"refresh_token_expires_in": 200 * 24 * 3600, "scope": "r_organization_social rw_organization_admin",
		})
	}
	s.tally.count("linkedin/token", false)
	s.answer(w, r, domain.LinkedIn, c.acc, c.traps, rep)
}

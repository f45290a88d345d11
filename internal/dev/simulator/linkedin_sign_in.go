package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func (s *Server) routeLinkedInSignIn() {
	s.mux.HandleFunc("POST "+PathLinkedIn+"/oauth/v2/introspectToken", s.linkedInOurs("introspect", s.introspect))
	s.mux.HandleFunc("POST "+PathLinkedIn+"/oauth/v2/revoke", s.linkedInOurs("revoke", s.linkedInRevoke))
	s.mux.HandleFunc("GET "+PathLinkedIn+"/v2/me", s.linkedInMe)
}

// linkedInLife is how long an access token lives.
const linkedInLife = 60 * 24 * time.Hour

func linkedInOAuthFail(status int, word, description string) reply {
	return reply{status: status, body: object{"error": word, "error_description": description}}
}

// linkedInCode exchanges a code. There is no refresh token: they come to approved partners only. What is wrong with a code
// is not told apart.
func (s *Server) linkedInCode(c *request) reply {
	h, fault := s.spend(domain.LinkedIn, c.PostForm.Get("code"), c.PostForm.Get("redirect_uri"), c.now)
	if fault != codeGood {
		return linkedInOAuthFail(400, "invalid_request", "Unable to retrieve access token: appid/redirect uri/code verifier does not match "+
			"authorization code. Or authorization code expired. Or external member binding exists")
	}
	given, _ := s.consent(domain.LinkedIn, h.person)
	return ok(object{
		"access_token": s.mint(kindPerson, domain.LinkedIn, h.held(""), 0, c.now.Add(linkedInLife)),
		"expires_in":   int(linkedInLife / time.Second), "scope": strings.Join(given.granted, ","),
	})
}

// linkedInOurs answers a call about a token with the credentials of our app.
func (s *Server) linkedInOurs(op string, handle func(*request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &request{Request: r, now: s.cfg.Clock().UTC()}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		rep := linkedInOAuthFail(401, "invalid_client", "Client authentication failed")
		if r.ParseForm() == nil && s.ours(r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")) {
			rep = handle(c)
		}
		s.tally.count("linkedin/"+op, false)
		s.answer(w, r, domain.LinkedIn, nil, Traps{}, rep)
	}
}

// introspect tells about a token; its scopes are parted by commas.
func (s *Server) introspect(c *request) reply {
	told, known := s.about(c.PostForm.Get("token"), c.now, domain.LinkedIn)
	if !known {
		return ok(object{"active": false})
	}
	status := map[tokenState]string{tokenGood: "active", tokenExpired: "expired", tokenRevoked: "revoked"}[told.state]
	since := unixOrZero(told.consented)
	return ok(object{
		"active": told.state == tokenGood, "status": status, "client_id": c.PostForm.Get("client_id"), "auth_type": "3L",
		"scope": strings.Join(told.scopes, ","), "expires_at": unixOrZero(told.expires), "authorized_at": since, "created_at": since,
	})
}

// linkedInRevoke kills one token; the others of the person live on.
func (s *Server) linkedInRevoke(c *request) reply {
	token := c.PostForm.Get("token")
	if _, _, state := s.personal(domain.LinkedIn, token, c.now); state == tokenUnknown {
		return linkedInOAuthFail(400, "invalid_request", "The token is not one of this application")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[token] = true
	return ok(object{})
}

// linkedInMe answers who the member is.
func (s *Server) linkedInMe(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC()}
	c.token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	person, _, state := s.personal(domain.LinkedIn, c.token, c.now)
	rep, dead := s.linkedInDead(state)
	switch {
	case dead:
	case s.lacks(domain.LinkedIn, c.token, "r_basicprofile"):
		rep = s.linkedInDenied("me.GET.NO_VERSION")
	default:
		first, last, _ := strings.Cut(person.Name, " ")
		rep = ok(object{"id": person.Profile, "localizedFirstName": first, "localizedLastName": last})
		if profile := s.account(domain.LinkedIn, person.Profile); profile != nil {
			rep.body.(object)["vanityName"] = profile.Username //nolint:forcetypeassert // of the line above
		}
	}
	s.tally.count("linkedin/me", false)
	s.answer(w, r, domain.LinkedIn, nil, Traps{}, rep)
}

// linkedInDead refuses a token that does not hold.
func (s *Server) linkedInDead(state tokenState) (rep reply, dead bool) {
	switch state {
	case tokenExpired:
		return s.linkedInFail(401, 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"), true
	case tokenRevoked:
		return s.linkedInFail(401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"), true
	case tokenUnknown:
		return s.linkedInFail(401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token"), true
	default:
		return reply{}, false
	}
}

func (s *Server) linkedInDenied(what string) reply {
	return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: "+what)
}

// linkedInPerson finds the account that a person's call is about: the profile, or a page that the person administers.
func (s *Server) linkedInPerson(c *request) (state tokenState) {
	c.person, _, state = s.personal(domain.LinkedIn, c.token, c.now)
	if state == tokenUnknown {
		return state
	}
	id := c.person.Profile
	if resource := c.PathValue("resource"); resource != "memberFollowersCount" && resource != "memberCreatorPostAnalytics" {
		named := c.PathValue("key") + c.query.Get("organizationalEntity") + c.query.Get("author")
		if resource == "posts" && c.query.Get("author") == "" {
			named = s.authorOf(c, append(restliList(c.query.Get("ids")), named)[0])
		}
		if id = strings.TrimPrefix(strings.TrimPrefix(named, organizationURN), brandURN); !slices.Contains(c.person.Organizations, id) {
			return state
		}
	}
	c.acc = s.account(domain.LinkedIn, id)
	return state
}

// authorOf is the page of the person that published a post.
func (s *Server) authorOf(c *request, urn string) string {
	i := slices.IndexFunc(c.person.Organizations, func(id string) bool {
		acc := s.account(domain.LinkedIn, id)
		return acc != nil && slices.ContainsFunc(s.postsOf(acc, c.now), func(p Post) bool { return p.ID == urn })
	})
	if i < 0 {
		return ""
	}
	return c.person.Organizations[i]
}

// linkedInScopes are what our app must have been granted for a resource.
var linkedInScopes = map[string]string{
	"memberFollowersCount": "r_member_profileAnalytics", "memberCreatorPostAnalytics": "r_member_postAnalytics", "posts": "r_organization_social",
}

// linkedInPersonal answers what concerns the person and no account, and refuses what the person may not see.
func (s *Server) linkedInPersonal(c *request) (rep reply, answered bool) {
	resource := c.PathValue("resource")
	scope := linkedInScopes[resource]
	if scope == "" {
		scope = "rw_organization_admin"
	}
	given, _ := s.consent(domain.LinkedIn, c.person.ID)
	profile := s.account(domain.LinkedIn, c.person.Profile)
	slow := profile != nil && c.now.Sub(given.at) < slowTokenLasts
	if slow {
		_, slow = profile.trapped().fault(SlowToken, c.now)
	}
	switch {
	case slow, s.lacks(domain.LinkedIn, c.token, scope):
		return s.linkedInDenied(resource + ".GET"), true
	case resource == "organizationAcls":
		return s.organizationAcls(c), true
	case resource == "organizations":
		return s.organizationNames(c), true
	case c.acc == nil:
		return s.linkedInDenied(resource + ".FINDER"), true
	default:
		return reply{}, false
	}
}

// organizationAcls lists the pages that the person has a role on.
func (s *Server) organizationAcls(c *request) reply {
	if c.query.Get("q") != "roleAssignee" {
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: q")
	}
	count := atoi(c.query.Get("count"))
	if count < 1 {
		count = 10
	}
	start := atoi(c.query.Get("start"))
	entries := slices.DeleteFunc(s.roles(c), func(e object) bool { role := c.query.Get("role"); return role != "" && e["role"] != role })
	list, _, _ := page(entries, start, min(count, 100))
	return elements(start, count, list)
}

// roles are the person's on each page.
func (s *Server) roles(c *request) []object {
	out := []object{}
	for _, id := range c.person.Organizations {
		urn, role := organizationURN, "ADMINISTRATOR"
		if acc := s.account(domain.LinkedIn, id); acc != nil {
			if _, brand := acc.trapped().fault(Showcase, c.now); brand {
				urn = brandURN
			}
			if _, content := acc.trapped().fault(ContentAdmin, c.now); content {
				role = "CONTENT_ADMINISTRATOR"
			}
		}
		out = append(out, object{"organization": urn + id, "role": role, "state": "APPROVED", "roleAssignee": "urn:li:person:" + c.person.Profile})
	}
	return out
}

// organizationNames answers ?ids=List(1,2).
func (s *Server) organizationNames(c *request) reply {
	results := object{}
	for _, id := range restliList(c.query.Get("ids")) {
		if acc := s.account(domain.LinkedIn, id); acc != nil && slices.Contains(c.person.Organizations, id) {
			results[id] = object{"id": atoi(id), "localizedName": acc.Name, "vanityName": acc.Username}
		}
	}
	return ok(object{"results": results, "statuses": object{}, "errors": object{}})
}

package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func (r *request) tikTokOAuthFail(status int, word, description string) reply {
	return reply{status: status, body: object{"error": word, "error_description": description, "log_id": r.now.Format("20060102150405")}}
}

// tikTokCode exchanges a code. A code that is still URL-encoded is invalid.
func (s *Server) tikTokCode(c *request) reply {
	h, fault := s.spend(domain.TikTok, c.PostForm.Get("code"), c.PostForm.Get("redirect_uri"), c.now)
	switch fault {
	case codeGood:
	case codeElsewhere:
		return c.tikTokOAuthFail(400, "invalid_request", "Redirect_uri is not matched with the uri when requesting code.")
	default:
		return c.tikTokOAuthFail(200, "invalid_grant", "Authorization code is expired.")
	}
	person, _ := s.person(domain.TikTok, h.person)
	given, _ := s.consent(domain.TikTok, h.person)
	held := h.held(person.TikTok)
	return ok(object{
		"access_token": s.mint(kindAccess, domain.TikTok, held, 0, c.now.Add(tikTokAccessLife)), "expires_in": int(tikTokAccessLife / time.Second),
		"refresh_token": s.mint(kindRefresh, domain.TikTok, held, 0, time.Time{}), "refresh_expires_in": int(tikTokRefreshLife / time.Second),
		"open_id": person.TikTok, "scope": strings.Join(given.granted, ","), "token_type": "Bearer",
	})
}

// tikTokRevoke takes the whole app from the person whose access token is shown; the answer is empty.
func (s *Server) tikTokRevoke(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, now: s.cfg.Clock().UTC()}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	s.tally.count("tiktok/revoke", false)
	if r.ParseForm() != nil || !s.ours(r.PostForm.Get("client_key"), r.PostForm.Get("client_secret")) {
		s.answer(w, r, domain.TikTok, nil, Traps{}, c.tikTokOAuthFail(401, "invalid_client", "Client key or secret is incorrect."))
		return
	}
	token := r.PostForm.Get("token")
	m, _ := s.parse(token)
	_, h, held := holderOf(m.id)
	if _, state := s.authenticate(domain.TikTok, token, c.now); state != tokenGood || !held {
		s.answer(w, r, domain.TikTok, nil, Traps{}, c.tikTokOAuthFail(400, "invalid_request", "The access token is invalid."))
		return
	}
	s.RemoveApp(domain.TikTok, h.person)
	s.answer(w, r, domain.TikTok, nil, Traps{}, ok(object{}))
}

// tikTokScope are the scopes of a token.
func (s *Server) tikTokScope(token string) string {
	m, _ := s.parse(token)
	_, h, _ := holderOf(m.id)
	if given, heard := s.consent(domain.TikTok, h.person); heard {
		return strings.Join(given.granted, ",")
	}
	return "user.info.basic,user.info.stats,video.list"
}

// tikTokWithout is a scope that a call needs and the token has not; "": it has all.
func (s *Server) tikTokWithout(c *request, token string) string {
	wanted := []string{"user.info.basic"}
	fields := strings.Split(c.query.Get("fields"), ",")
	if !strings.HasSuffix(c.URL.Path, "/user/info/") {
		wanted = []string{"video.list"}
	} else {
		if slices.ContainsFunc(fields, func(f string) bool { return strings.HasSuffix(f, "_count") }) {
			wanted = append(wanted, "user.info.stats")
		}
		if slices.Contains(fields, "username") {
			wanted = append(wanted, "user.info.profile")
		}
	}
	for _, scope := range wanted {
		if _, refused := c.fault(Refused, scope); refused || s.lacks(domain.TikTok, token, scope) {
			return scope
		}
	}
	return ""
}

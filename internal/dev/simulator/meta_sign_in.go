package simulator

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func (s *Server) routeMetaSignIn() {
	s.mux.HandleFunc("GET "+PathFacebook+"/{version}/oauth/access_token", s.metaCall("token", s.facebookToken))
	s.mux.HandleFunc("GET "+PathFacebook+"/{version}/debug_token", s.metaCall("debug_token", s.debugToken))
	s.mux.HandleFunc("GET "+PathFacebook+"/{version}/me", s.facebookMe)
	s.mux.HandleFunc("DELETE "+PathFacebook+"/{version}/me/permissions", s.facebookMe)
	s.mux.HandleFunc("GET "+PathFacebook+"/{version}/me/{edge}", s.facebookMe)
	s.mux.HandleFunc("POST "+PathInstagram+"/oauth/access_token", s.metaCall("code", s.instagramCode))
	s.mux.HandleFunc("GET "+PathInstagram+"/access_token", s.metaCall("longer", s.instagramLonger))
}

// The lifetimes of Meta's tokens.
const (
	metaShort = time.Hour
	metaLong  = 60 * 24 * time.Hour
	metaData  = 90 * 24 * time.Hour // from the consent: data are given so long
)

// metaCall answers a call that is made with the credentials of our app.
func (s *Server) metaCall(op string, handle func(*request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC(), platform: domain.Facebook}
		if strings.HasPrefix(r.URL.Path, PathInstagram) {
			c.platform = domain.Instagram
		}
		s.tally.count(c.platform.String()+"/"+op, false)
		s.answer(w, r, c.platform, nil, Traps{}, handle(c))
	}
}

// ours tells whether a call shows the credentials of our app.
func (s *Server) ours(id, secret string) bool {
	return s.cfg.ClientID == "" || (id == s.cfg.ClientID && secret == s.cfg.ClientSecret)
}

// facebookToken exchanges a code for a short-lived token, and such a token for a long-lived one.
func (s *Server) facebookToken(c *request) reply {
	q := c.query
	if !s.ours(q.Get("client_id"), q.Get("client_secret")) {
		return s.graphFail(c, 400, 1, 0, "Error validating client secret.")
	}
	var h holder
	life := metaShort
	if q.Get("grant_type") == "fb_exchange_token" {
		_, m, state := s.personal(domain.Facebook, q.Get("fb_exchange_token"), c.now)
		if state != tokenGood {
			return s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired: "+q.Get("fb_exchange_token"))
		}
		_, h, _ = holderOf(m.id)
		life = metaLong
	} else {
		var fault codeFault
		if h, fault = s.spend(domain.Facebook, q.Get("code"), q.Get("redirect_uri"), c.now); fault != codeGood {
			return s.facebookCodeFault(c, fault)
		}
	}
	return ok(object{
		"access_token": s.mint(kindPerson, domain.Facebook, h.held(""), 0, c.now.Add(life)), "token_type": "bearer", "expires_in": int(life / time.Second),
	})
}

func (s *Server) facebookCodeFault(c *request, fault codeFault) reply {
	switch fault {
	case codeUsed:
		return s.graphFail(c, 400, 100, 36009, "This authorization code has been used.")
	case codeExpired:
		return s.graphFail(c, 400, 100, 36007, "This authorization code has expired.")
	case codeElsewhere:
		return s.graphFail(c, 400, 100, 36008, "Error validating verification code. Please make sure your redirect_uri is identical to the "+
			"one you used in the OAuth dialog request")
	default:
		return s.graphFail(c, 400, 100, 0, "Invalid verification code format: "+c.query.Get("code"))
	}
}

// debugToken tells our app about one of its tokens.
func (s *Server) debugToken(c *request) reply {
	token := cmp.Or(strings.TrimPrefix(c.Header.Get("Authorization"), "Bearer "), c.query.Get("access_token"))
	id, secret, _ := strings.Cut(token, "|")
	switch {
	case !s.ours(id, secret):
		return s.graphFail(c, 400, 190, 0, "Invalid OAuth access token signature.")
	case s.cfg.ClientSecret != "" && c.query.Get("appsecret_proof") != s.proof(token):
		return s.graphFail(c, 400, 100, 0, "Invalid appsecret_proof provided in the API argument")
	}
	told, known := s.about(c.query.Get("input_token"), c.now, domain.Facebook, domain.Instagram)
	if !known {
		return ok(object{"data": object{"is_valid": false, "scopes": []string{}, "error": object{"code": 190, "message": "Malformed access token"}}})
	}
	if _, blocked := told.traps.fault(AppBlocked, c.now); blocked {
		return s.graphFault(c, Fault{Kind: AppBlocked})
	}
	granular := []object{}
	for _, scope := range told.scopes {
		entry := object{"scope": scope}
		if targets := s.targets(told, scope); len(targets) > 0 {
			entry["target_ids"] = targets
		}
		granular = append(granular, entry)
	}
	answer := object{
		"app_id": id, "type": "USER", "application": "ledgerboard", "is_valid": told.state == tokenGood, "user_id": told.person,
		"expires_at": unixOrZero(told.expires), "data_access_expires_at": 0, "scopes": told.scopes, "granular_scopes": granular,
	}
	if !told.consented.IsZero() {
		answer["data_access_expires_at"] = told.consented.Add(metaData).Unix()
	}
	if told.account != "" {
		answer["type"], answer["profile_id"] = "PAGE", told.account
	}
	return ok(object{"data": answer})
}

// targets are the pages and accounts that a person chose for a scope.
func (s *Server) targets(told toldToken, scope string) (ids []string) {
	given, _ := s.consent(domain.Facebook, told.person)
	for page := range given.pages {
		acc := s.account(domain.Facebook, page)
		switch {
		case strings.HasPrefix(scope, "pages_"), scope == "read_insights":
			ids = append(ids, page)
		case strings.HasPrefix(scope, "instagram_") && acc != nil && acc.Instagram != "":
			ids = append(ids, acc.Instagram)
		}
	}
	slices.Sort(ids)
	return ids
}

// facebookMe answers a person's token about the person. A page's token asks the page itself.
func (s *Server) facebookMe(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC(), platform: domain.Facebook}
	c.token = cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.FormValue("access_token"))
	person, m, state := s.personal(domain.Facebook, c.token, c.now)
	if state == tokenUnknown {
		r.SetPathValue("id", "me")
		handle := s.graphNode
		if r.PathValue("edge") != "" {
			handle = s.graphEdge
		}
		s.graph("node", PathFacebook, []domain.Platform{domain.Facebook, domain.Instagram}, handle)(w, r)
		return
	}
	s.tally.count("facebook/me", false)
	s.answer(w, r, domain.Facebook, nil, Traps{}, s.facebookPersonal(c, person, m, state))
}

func (s *Server) facebookPersonal(c *request, person Person, m minted, state tokenState) reply {
	edge := c.PathValue("edge")
	switch {
	case state == tokenRevoked:
		return s.graphFail(c, 400, 190, 458, revokedWords)
	case state == tokenExpired:
		return s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired.")
	case s.cfg.ClientSecret != "" && c.query.Get("appsecret_proof") != s.proof(c.token):
		return s.graphFail(c, 400, 100, 0, "Invalid appsecret_proof provided in the API argument")
	case c.Method == http.MethodDelete:
		s.RemoveApp(domain.Facebook, person.ID)
		return ok(object{"success": true})
	case c.PathValue("id") != "":
		return s.personalPage(c, person, m)
	case edge == "":
		return s.graphPick(c, object{"id": person.ID, "name": person.Name}, "User")
	case edge == "permissions":
		return s.permissions(c, person)
	case edge == "accounts":
		return s.managedPages(c, person, m)
	default:
		return s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+edge+") on node type (User)")
	}
}

// permissions lists the scopes that the person granted or declined, a few at a time.
func (s *Server) permissions(c *request, person Person) reply {
	given, _ := s.consent(domain.Facebook, person.ID)
	data := []object{}
	for _, scope := range given.granted {
		data = append(data, object{"permission": scope, "status": "granted"})
	}
	for _, scope := range given.declined {
		data = append(data, object{"permission": scope, "status": "declined"})
	}
	start, _ := strconv.Atoi(c.query.Get("after"))
	cut, end, more := page(data, start, mostPages)
	paging := object{}
	if more {
		after := strconv.Itoa(end)
		paging["cursors"], paging["next"] = object{"after": after}, c.link(map[string]string{"after": after})
	}
	return ok(object{"data": cut, "paging": paging})
}

// mostPages is how many pages of a person a list holds at once, whatever is asked for: Meta filters a page of a list after it
// cut it, so a short page is not the last.
const mostPages = 2

// managedPages lists the pages that the person chose, each with a token of its own, which ends when the person's does only
// if that is a short-lived one.
func (s *Server) managedPages(c *request, person Person, m minted) reply {
	given, _ := s.consent(domain.Facebook, person.ID)
	_, h, _ := holderOf(m.id)
	roles := slices.DeleteFunc(slices.Clone(person.Pages), func(r Role) bool {
		_, chosen := given.pages[r.Page]
		if acc := s.account(domain.Facebook, r.Page); chosen && acc != nil {
			_, unlisted := acc.trapped().fault(Unlisted, c.now)
			chosen = !unlisted
		}
		return !chosen || !slices.Contains(given.granted, "pages_show_list")
	})
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || limit < 1 || limit > mostPages {
		limit = mostPages
	}
	start := 0
	if raw, err := base64.RawURLEncoding.DecodeString(c.query.Get("after")); err == nil {
		start = slices.IndexFunc(roles, func(r Role) bool { return "after:"+r.Page == string(raw) }) + 1
	}
	cut, end, more := page(roles, start, limit)
	data := []object{}
	for _, role := range cut {
		acc := s.account(domain.Facebook, role.Page)
		if acc == nil {
			continue
		}
		rep := s.graphPick(c, s.managedPage(acc, role, h, m, given), "Page")
		if rep.status != 0 {
			return rep
		}
		data = append(data, rep.body.(object)) //nolint:forcetypeassert // it is what graphPick makes
	}
	paging := object{}
	if end > 0 {
		after := base64.RawURLEncoding.EncodeToString([]byte("after:" + roles[end-1].Page))
		paging["cursors"] = object{"before": "QVFIbefore", "after": after}
		if more {
			paging["next"] = c.link(map[string]string{"after": after})
		}
	}
	return ok(object{"data": data, "paging": paging})
}

// personalPage answers a person about one of the pages that the person chose, listed or not.
func (s *Server) personalPage(c *request, person Person, m minted) reply {
	id := c.PathValue("id")
	given, _ := s.consent(domain.Facebook, person.ID)
	_, h, _ := holderOf(m.id)
	acc, i := s.account(domain.Facebook, id), slices.IndexFunc(person.Pages, func(r Role) bool { return r.Page == id })
	if _, chosen := given.pages[id]; !chosen || acc == nil || i < 0 || c.PathValue("edge") != "" {
		return s.graphNotFound(c, id)
	}
	return s.graphPick(c, s.managedPage(acc, person.Pages[i], h, m, given), "Page")
}

func (s *Server) managedPage(acc *account, role Role, h holder, m minted, given consent) object {
	until := time.Time{}
	if m.expires.Sub(given.at) < metaLong/2 {
		until = m.expires
	}
	tasks := role.Tasks
	if tasks == nil {
		tasks = allTasks()
	}
	node := object{
		"id": acc.ID, "name": acc.Name, "username": acc.Username, "tasks": tasks,
		"access_token": s.mint(kindAccess, domain.Facebook, h.held(acc.ID), 0, until),
		"picture":      object{"data": object{"url": PictureURL(PicturePage, acc.ID), "is_silhouette": false}},
	}
	node["instagram_business_account"] = nil
	if behind := s.account(domain.Instagram, acc.Instagram); behind != nil && slices.Contains(given.granted, "instagram_basic") {
		node["instagram_business_account"] = object{
			"id": behind.ID, "username": behind.Username, "name": behind.Name, "profile_picture_url": PictureURL(PicturePage, behind.ID),
		}
	}
	return node
}

// instagramCode exchanges a code of Instagram login; the answer is a list of one, the error is flat.
func (s *Server) instagramCode(c *request) reply {
	refuse := func(message string) reply {
		return reply{status: 400, body: object{"error_type": "OAuthException", "code": 400, "error_message": message}}
	}
	if c.ParseForm() != nil || c.PostForm.Get("grant_type") != "authorization_code" {
		return refuse("Invalid grant_type")
	}
	if !s.ours(c.PostForm.Get("client_id"), c.PostForm.Get("client_secret")) {
		return refuse("Error validating client secret.")
	}
	h, fault := s.spend(domain.Instagram, c.PostForm.Get("code"), c.PostForm.Get("redirect_uri"), c.now)
	switch fault {
	case codeGood:
	case codeElsewhere:
		return refuse("Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request")
	case codeExpired:
		return refuse("This authorization code has expired")
	default:
		return refuse("Matching code was not found or was already used")
	}
	person, _ := s.person(domain.Instagram, h.person)
	given, _ := s.consent(domain.Instagram, h.person)
	return ok(object{"data": []object{{
		"access_token": s.mint(kindAccess, domain.Instagram, h.held(person.Instagram), 0, c.now.Add(metaShort)),
		"user_id":      appScoped(person.Instagram), "permissions": strings.Join(given.granted, ","),
	}}})
}

// revokedWords are what Meta says of a token whose consent no longer holds.
const revokedWords = "Error validating access token: The user has not authorized application."

// appScoped is the id that Instagram login knows an account by within our app.
func appScoped(id string) string { return "app" + id }

// instagramLonger exchanges a short-lived token of Instagram login for one of 60 days.
func (s *Server) instagramLonger(c *request) reply {
	token := c.query.Get("access_token")
	acc, state := s.authenticate(domain.Instagram, token, c.now)
	switch {
	case c.query.Get("grant_type") != "ig_exchange_token":
		return s.graphFail(c, 400, 100, 0, "(#100) Invalid parameter: grant_type")
	case s.cfg.ClientSecret != "" && (c.query.Get("client_secret") != s.cfg.ClientSecret || c.query.Get("appsecret_proof") != s.proof(token)):
		return s.graphFail(c, 400, 100, 0, "Error validating client secret.")
	case state != tokenGood || !acc.OwnLogin:
		return s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired: "+token)
	}
	return ok(object{
		"access_token": s.mint(kindAccess, domain.Instagram, s.idWithin(token, acc), 0, c.now.Add(metaLong)), "token_type": "bearer",
		"expires_in": int(metaLong / time.Second),
	})
}

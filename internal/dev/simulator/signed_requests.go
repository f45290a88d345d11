package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// PathApps is where people look after the apps that they let in, at Facebook (below [PathFacebook]) and at Instagram (below
// [PathInstagram]): a page with buttons to remove our app and to have its data deleted. Meta then calls us.
const PathApps = "/settings/apps"

func (s *Server) routeApps() {
	for prefix, p := range map[string]domain.Platform{PathFacebook: domain.Facebook, PathInstagram: domain.Instagram} {
		s.mux.HandleFunc("GET "+prefix+PathApps, func(w http.ResponseWriter, _ *http.Request) {
			show(w, http.StatusOK, s.apps(p))
		})
		s.mux.HandleFunc("POST "+prefix+PathApps, func(w http.ResponseWriter, r *http.Request) { s.removeApp(w, r, p) })
	}
}

// installed is our app as one person let it in, and where Meta calls us about it.
type installed struct{ Person, Name, Deauthorize, Delete string }

// apps lists who let our app in. The call-backs that it proposes stand beside the address that the person was sent back to.
func (s *Server) apps(p domain.Platform) view {
	v := view{Title: p.String() + ": apps and websites"}
	for _, person := range s.peopleAt(p) {
		given, _ := s.consent(p, person.ID)
		if len(given.granted) == 0 {
			continue
		}
		beside, _ := url.Parse(given.redirect)
		v.Apps = append(v.Apps, installed{
			Person: person.ID, Name: person.Name,
			Deauthorize: beside.ResolveReference(&url.URL{Path: "meta/deauthorize"}).String(),
			Delete:      beside.ResolveReference(&url.URL{Path: "meta/delete"}).String(),
		})
	}
	if len(v.Apps) == 0 {
		v.Wrong = "Nobody has let the app in."
	}
	return v
}

// removeApp takes our app from a person, calls us, and shows what we answered.
func (s *Server) removeApp(w http.ResponseWriter, r *http.Request, p domain.Platform) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	person := r.PostFormValue("as")
	if given, _ := s.consent(p, person); len(given.granted) == 0 {
		show(w, http.StatusNotFound, view{Title: p.String(), Wrong: "This person has not let the app in."})
		return
	}
	s.RemoveApp(p, person)
	address := r.PostFormValue("deauthorize")
	if r.PostFormValue("decision") == "erase" {
		address = r.PostFormValue("delete")
	}
	said, err := post(r.Context(), address, s.SignedRequest(p, person))
	if err != nil {
		said = "It could not be called: " + err.Error()
	}
	show(w, http.StatusOK, view{Title: p.String(), Wrong: "The app was removed, and called. " + said})
}

// SignedRequest is what Meta sends to us about a person: when the app was removed, or data are to be deleted. It is empty
// for somebody who cannot sign in there.
func (s *Server) SignedRequest(p domain.Platform, person string) string {
	who, ok := s.person(p, person)
	if !ok {
		return ""
	}
	id := who.ID
	if p == domain.Instagram {
		id = appScoped(who.Instagram)
	}
	payload, _ := json.Marshal(object{"algorithm": "HMAC-SHA256", "user_id": id, "issued_at": s.cfg.Clock().Unix()}) //nolint:errchkjson // words
	body := base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(s.cfg.ClientSecret))
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + body
}

// post sends a signed request and tells what was answered.
func post(ctx context.Context, address, signed string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	form := strings.NewReader(url.Values{"signed_request": {signed}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, form)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("call the app: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
	return fmt.Sprintf("It answered %d %s", resp.StatusCode, bytes.TrimSpace(body)), err
}

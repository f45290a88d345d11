package api

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SignInLinkFor is how long a [SignInLink] works unless its maker chooses otherwise.
const SignInLinkFor = 24 * time.Hour

// SignInLinkDuration reads how long a [SignInLink] works, such as "15m"; "" means [SignInLinkFor].
func SignInLinkDuration(text string) (time.Duration, error) {
	if text == "" {
		return SignInLinkFor, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 15*time.Minute || d > 7*24*time.Hour {
		return 0, errors.New("must be a duration from 15m to 168h (7 days)")
	}
	return d, nil
}

// SignInLink is a link that signs a user in to the console once.
type SignInLink struct {
	UserID string `json:"user_id"` // whom it signs in, 24 hex digits
	URL    string `json:"url"`     // shown once; anyone who has it can sign in as that person, so send it to that person only
	// WorksUntil is when the link expires. It ends earlier if it is used or replaced by a newer one.
	WorksUntil time.Time `json:"works_until"`
}

// signInLinkBody is what a link is asked for with.
type signInLinkBody struct {
	// ValidFor is how long the link works, from 15m to 168h (7 days); in minutes or hours; 24h by default.
	ValidFor string `json:"valid_for,omitempty"`
}

func (s *Server) postSignInLink(r *http.Request, id string) (made SignInLink, err error) {
	user, err := s.agencysUser(r.Context(), id)
	if err != nil {
		return made, err
	}
	var body signInLinkBody
	if r.ContentLength != 0 {
		var bad domain.FieldErrors
		body, bad, err = readBody(r, signInLinkBody{}, unknownMember, connectMembers)
		if err = cmp.Or(err, bad.Err()); err != nil {
			return made, err
		}
	}
	validFor, err := SignInLinkDuration(body.ValidFor)
	if err != nil {
		return made, domain.InvalidField("valid_for", err.Error())
	}
	return s.deps.SignIns.MakeLink(r.Context(), caller(r, RoleAgency), user, validFor)
}

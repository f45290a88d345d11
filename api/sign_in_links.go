package api

import (
	"net/http"
	"reflect"
	"time"
)

// SignInLinkFor is how long a [SignInLink] works, unless it is used before.
const SignInLinkFor = 24 * time.Hour

// SignInLink is a link that signs a user in to the console once.
type SignInLink struct {
	UserID string `json:"user_id"` // whom it signs in, 24 hex digits
	URL    string `json:"url"`     // shown once; to be sent to that person alone, since whoever has it signs in as that person
	// WorksUntil is when it ends, unless it is used or a newer one is made before.
	WorksUntil time.Time `json:"works_until"`
}

func (s *Server) postSignInLink() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		of, err := s.agencysUser(r.Context(), params)
		if err != nil {
			return err
		}
		p, _ := PrincipalFrom(r.Context())
		made, err := s.deps.SignIns.MakeLink(r.Context(), caller(r, p, p.AccountID, RoleAgency), of)
		if err != nil {
			return err
		}
		return s.writeData(w, made, nil)
	}, paramUserID).answering(reflect.TypeFor[SignInLink](), nil)
}

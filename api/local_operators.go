package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/socket"
)

// HeaderClaimedName is the header with the name that an operator on the machine of the service
// claims.
const HeaderClaimedName = "Ledgerboard-As"

// LocalOperatorID is the id of operators who reach the service without a token.
const LocalOperatorID = "system:operator"

var (
	errAnotherUser = domain.NewError(domain.CodeForbidden,
		"Only root and the system user that runs the service may use its socket.")
	errClaimedName = domain.NewError(domain.CodeInvalid,
		"The name is not valid: use at most 100 letters, digits and the characters . _ @ -, starting with a letter or digit.")
	errNameNotProved = domain.NewError(domain.CodeForbidden,
		"Operators of this service sign in with an identity provider, so a name that is only claimed is not recorded. "+
			"Leave the name out, or use --url with a token.")
)

// LocalOperators returns a handler for a socket of package [socket]: everyone who may use the socket
// calls the API as an operator. Only paths below /api are served. If proved is true, names must be
// proved, and requests with a claimed name are refused.
func LocalOperators(next http.Handler, proved bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uid, permitted := socket.Peer(r.Context())
		name := r.Header.Get(HeaderClaimedName)
		var refused error
		switch {
		case !permitted:
			refused = errAnotherUser
		case !strings.HasPrefix(r.URL.Path, "/api/"):
			refused = errNothingHere
		case name != "" && !domain.IsOperatorName(name):
			refused = errClaimedName
		case name != "" && proved:
			refused = errNameNotProved
		}
		if refused != nil {
			status, body, _ := Refusal(refused, "")
			writeJSON(w, mediaJSON, status, body)
			return
		}
		next.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), Principal{
			UserID: LocalOperatorID, Roles: Roles{RoleOperator},
			Local: domain.LocalOperator{Via: "uid:" + strconv.FormatUint(uint64(uid), 10), ClaimedName: name},
		})))
	})
}

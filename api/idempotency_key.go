package api

import (
	"net/http"
	"regexp"

	"github.com/ledgerboard/ledgerboard/domain"
)

var keyForm = regexp.MustCompile(`^[ -~]{1,255}$`)

// idempotencyKey returns the key of the request, or "" when it has none.
func idempotencyKey(header http.Header) (string, error) {
	values := header.Values(headerIdempotency)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !keyForm.MatchString(values[0]) {
		return "", domain.InvalidField(headerIdempotency, "must be given once and have 1 to 255 printable ASCII characters")
	}
	return values[0], nil
}

package platforms

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
)

// linkedInError is LinkedIn's error body; `code` is not always there.
type linkedInError struct {
	Status      count `json:"status"`
	ServiceCode count `json:"serviceErrorCode"`
	Code        text  `json:"code"`
	Message     text  `json:"message"`
}

// classifyLinkedIn classifies an answer: by the word in `code` first (the numbers are contradictory),
// then by status. A 401 or 403 without LinkedIn's body is a proxy's and kills no connection.
func classifyLinkedIn(ans answer) *Error {
	good := ans.status >= 200 && ans.status < 300
	if good && !bytes.Contains(ans.body, []byte(`"status"`)) {
		return nil
	}
	var body linkedInError
	said := json.Unmarshal(ans.body, &body) == nil && (body.Code != "" || body.Message != "")
	switch {
	case good && (!said || body.Status.n < http.StatusBadRequest):
		return nil
	case good: // an error that a gateway wrapped into a success
		ans.status = int(body.Status.n)
	case !said:
		e := byStatus(ans)
		if e.Class == ClassThrottled {
			e.RetryAfter = cmp.Or(e.RetryAfter, proxyWait)
		}
		return e
	}
	return &Error{Class: body.class(ans.status), Code: string(body.Code), Subcode: int(body.ServiceCode.n), Words: string(body.Message)}
}

func (e linkedInError) class(status int) Class {
	switch e.Code {
	case "EXPIRED_ACCESS_TOKEN", "REVOKED_ACCESS_TOKEN", "INVALID_ACCESS_TOKEN":
		return ClassReconnect
	case "ACCESS_DENIED":
		return ClassPermission
	case "VERSION_MISSING", "NONEXISTENT_VERSION":
		return ClassInvalid
	}
	switch status {
	case http.StatusUnauthorized:
		return ClassReconnect
	case http.StatusForbidden:
		return ClassPermission
	case http.StatusNotFound:
		return ClassNotFound // or a product that was not granted: the answer does not tell
	default:
		return statusClass(status)
	}
}

// classifyLinkedInOAuth classifies a refusal of the token endpoint, which is flat.
func classifyLinkedInOAuth(ans answer) *Error {
	var body struct {
		Error       text `json:"error"`
		Description text `json:"error_description"`
	}
	if json.Unmarshal(ans.body, &body) != nil || body.Error == "" {
		return classifyLinkedIn(ans)
	}
	return &Error{Class: oauthClass(string(body.Error), ans.status), Code: string(body.Error), Words: string(body.Description)}
}
